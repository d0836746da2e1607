from dataclasses import replace

from auditor.records import Cell, Item, Message, Request, Sampling, canonical_json, content_hash, trial_id

ITEM = Item("a", "2+2?", "4")
REQUEST = Request(
    messages=(Message("system", "s"), Message("user", "u")),
    sampling=Sampling(),
    item=ITEM,
    framing="f",
    cell=Cell("a", "deletion", "1", 6.0, 1),
    item_hash="h",
)


def test_canonical_json_does_not_hang_on_order_and_survives_lone_surrogates():
    assert canonical_json({"b": 1, "a": 2}) == canonical_json({"a": 2, "b": 1})
    assert content_hash("\ud800") == content_hash("\ud800")
    assert canonical_json("\ud800").isascii()


def test_a_trial_id_changes_with_everything_that_could_change_the_answer():
    base = trial_id("j", {"x": 1}, REQUEST)
    assert base == trial_id("j", {"x": 1}, replace(REQUEST))
    others = [
        trial_id("k", {"x": 1}, REQUEST),
        trial_id("j", {"x": 2}, REQUEST),
        trial_id("j", {"x": 1}, replace(REQUEST, messages=(Message("user", "u"),))),
        trial_id("j", {"x": 1}, replace(REQUEST, schema={"type": "object"})),
        trial_id("j", {"x": 1}, replace(REQUEST, sampling=Sampling(temperature=0.0))),
        *(
            trial_id("j", {"x": 1}, replace(REQUEST, cell=replace(REQUEST.cell, **{name: value})))
            for name, value in [
                ("item", "b"),
                ("arm", "decoupled"),
                ("wording", "2"),
                ("threshold", 7.0),
                ("replicate", 2),
                ("phase", "aa"),
            ]
        ),
    ]
    assert len({base, *others}) == len(others) + 1

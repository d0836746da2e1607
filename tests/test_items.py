import json
import os
import subprocess
import sys
import types
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

import datasets
from auditor.errors import InputError, MissingExtraError, OperationError
from auditor.items import builtin_names, combine, draw, draw_evenly, load_items
from auditor.items.huggingface import HubName, dataset_table
from auditor.records import Item


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


ROWS = [
    {
        "id": "a",
        "task": "2+2?",
        "output": "4",
        "correct": True,
        "gold": 9.5,
        "tags": ["x", "y"],
        "group": "g",
    },
    {
        "id": "b",
        "task": "3+3?",
        "output": '7, "maybe"\nor 8',
        "correct": False,
        "gold": None,
        "tags": [],
        "group": "g",
    },
]


def test_the_same_items_from_every_form(tmp_path):
    expected = load_items(ROWS)
    assert expected[0] == Item("a", "2+2?", "4", None, 9.5, True, None, "g", ("x", "y"))
    jsonl = write(tmp_path / "i.jsonl", "".join(json.dumps(row) + "\n" for row in ROWS))
    frame = pd.DataFrame(ROWS)
    frame.to_parquet(tmp_path / "i.parquet")
    csv = frame.assign(tags=[";".join(tags) for tags in frame["tags"]])
    csv.to_csv(tmp_path / "i.csv", index=False)
    for source in (jsonl, tmp_path / "i.parquet", tmp_path / "i.csv", frame, expected):
        assert load_items(source) == expected, source


def test_columns_by_other_names(tmp_path):
    path = write(tmp_path / "i.csv", "key,question,response\n1,2+2?,4\n")
    items = load_items(path, columns={"id": "key", "task": "question", "output": "response"})
    assert items == [Item("1", "2+2?", "4")]


def test_a_cell_of_a_megabyte(tmp_path):
    path = write(tmp_path / "i.csv", f"id,task,output\na,t,{'x' * 1_000_000}\n")
    assert len(load_items(path)[0].output) == 1_000_000


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("", "i.csv", "empty"),
        ("id,task,output\n", "i.csv", "no row"),
        ("id;task;output\na;b;c\n", "line 1", "semicolons"),
        ("id\ttask\toutput\na\tb\tc\n", "line 1", "tabs"),
        ("id,task\na,b\n", "i.csv", "'output' is missing"),
        ("id,task,output\na,b,c\na,d,e\n", "line 3, field 'id'", "stands already at"),
        ("id,task,output\na,b,c\nd,e,\n", "line 3, field 'output'", "empty"),
        ("id,task,output\na,b,c\nd,e\n", "line 3", "2 cells where the header has 3"),
        ("id,task,output,gold\na,b,c,high\n", "line 2, field 'gold'", "number was expected"),
        ("id,task,output,gold\na,b,c,nan\n", "line 2, field 'gold'", "finite"),
        ("id,task,output,correct\na,b,c,maybe\n", "line 2, field 'correct'", "true or false"),
        ("id,task,output,id\na,b,c,d\n", "line 1", "stands twice"),
        ('id,task,output\n1,"two\nlines",c\n1,x,y\n', "line 4", "stands already"),
    ],
)
def test_a_fault_names_file_line_and_field(tmp_path, text, where, what):
    with pytest.raises(InputError) as caught:
        load_items(write(tmp_path / "i.csv", text))
    assert where in str(caught.value)
    assert what in str(caught.value)


def test_bytes_that_are_not_utf8_name_their_line(tmp_path):
    path = tmp_path / "i.csv"
    path.write_bytes(b"id,task,output\na,b,c\nd,e,caf\xe9\n")
    with pytest.raises(InputError, match=r"line 3.*0xe9 is not UTF-8"):
        load_items(path)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", "not a JSON object"),
        ("[1]", "not an object"),
        ('{"id":1,"task":2,"output":"x"}', "text was expected"),
    ],
)
def test_broken_jsonl(tmp_path, line, what):
    with pytest.raises(InputError, match=what):
        load_items(write(tmp_path / "i.jsonl", line + "\n"))


def test_half_of_a_surrogate_pair_is_refused(tmp_path):
    path = write(tmp_path / "i.jsonl", '{"id": "a", "task": "t", "output": "x\\ud800"}\n')
    with pytest.raises(InputError, match=r"line 1, field 'output'.*surrogate"):
        load_items(path)


def test_missing_file_folder_and_unknown_kind(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load_items(tmp_path / "none.csv")
    with pytest.raises(InputError, match="not known"):
        load_items(write(tmp_path / "i.xlsx", "x"))
    with pytest.raises(InputError, match="neither a file nor a built-in"):
        load_items("nothing")
    with pytest.raises(InputError, match="not a Parquet file"):
        load_items(write(tmp_path / "i.parquet", "x"))


def test_built_in_sets_are_there():
    assert {"checkable", "subjective"} <= set(builtin_names())
    assert len(load_items("checkable")) >= 60
    assert len(load_items("subjective")) >= 60


def test_a_draw_is_seeded_and_spread_over_groups():
    items = [Item(f"{g}{k}", "t", "o", group=f"g{g}") for g in range(10) for k in range(4)]
    drawn = draw(items, 10, seed=1)
    assert len({item.group for item in drawn}) == 10  # one of each of the ten groups
    assert drawn == draw(items, 10, seed=1)
    assert drawn != draw(items, 10, seed=2)
    assert [item for item in items if item in drawn] == drawn  # in their order
    assert draw(items, 99, seed=0) == items
    with pytest.raises(InputError, match="at least one"):
        draw(items, 0, seed=0)


def test_sources_that_share_ids_or_groups_are_kept_apart():
    joined = combine([("x", [Item("1", "t", "o", group="g")]), ("y", [Item("1", "t", "o", group="g")])])
    assert [(item.id, item.group) for item in joined] == [("x/1", "x/g"), ("y/1", "y/g")]


def test_sources_of_one_name_are_kept_apart():
    joined = combine([(name, [Item("1", "t", "o")]) for name in ("answers", "other", "answers")])
    assert [item.id for item in joined] == ["answers-1/1", "other/1", "answers-3/1"]


# Folders of texts


def folder(root, texts):
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return root


def test_a_folder_of_texts(tmp_path):
    root = folder(
        tmp_path / "mine",
        {
            "task.txt": "Say something.\n",
            "reference.txt": "Something.\n",
            "alone.md": "# One\r\n\r\nTwo\r\n\r\n",
            "ann/first.txt": "A",
            "ann/second.v2.txt": "B",
            "ann/second.v2.task.txt": "Say B.",
            "ann/deep/third.TXT": "C",
            "ann/deep/task.txt": "Say C.",
            "bob/first.txt": "D",
            "bob/reference.txt": "Dee.",
            "bob/first.reference.md": "Just D.",
        },
    )
    # Worked out by hand from the rule: its own task, else the nearest one; three items use the one at the root.
    assert load_items(root) == [
        Item("alone", "Say something.", "# One\r\n\r\nTwo", "Something.", group="task.txt"),
        Item("ann/first", "Say something.", "A", "Something.", peer="ann", group="task.txt"),
        Item("ann/second.v2", "Say B.", "B", "Something.", peer="ann"),
        Item("ann/deep/third", "Say C.", "C", "Something.", peer="ann"),
        Item("bob/first", "Say something.", "D", "Just D.", peer="bob", group="task.txt"),
    ]
    assert load_items(f"{root}/") == load_items(root)


def test_readmes_hidden_files_and_links_are_no_items(tmp_path):
    folder(tmp_path / "elsewhere", {"b.txt": "not below the folder"})
    root = folder(
        tmp_path / "mine",
        {
            "task.txt": "t",
            "a.txt": "o",
            "README.md": "About.",
            ".a.txt": "x",
            ".git/a.txt": "x",
            "a.png": b"\xff",
        },
    )
    (root / "link").symlink_to(tmp_path / "elsewhere")
    assert load_items(root) == [Item("a", "t", "o")]


def test_a_bare_word_is_a_built_in_set_before_it_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "my.answers", "checkable"):
        folder(tmp_path / name, {"task.txt": "t", "a.txt": "o"})
    assert (
        load_items("mine") == load_items("my.answers") == load_items("./checkable") == [Item("a", "t", "o")]
    )
    assert len(load_items("checkable")) >= 60  # the built-in one, as in the test above
    with pytest.raises(InputError, match="neither a file nor a built-in"):
        load_items("")


@pytest.mark.parametrize("name", ["items.jsonl", "items.csv", "items.parquet"])
def test_a_folder_that_holds_a_table_is_read_as_the_table(tmp_path, name):
    frame = pd.DataFrame({"id": ["a"], "question": ["t"], "output": ["o"]})
    folder(tmp_path, {"README.md": "About.", "notes.txt": "Of no concern."})
    if name.endswith("jsonl"):
        frame.to_json(tmp_path / name, orient="records", lines=True)
    elif name.endswith("csv"):
        frame.to_csv(tmp_path / name, index=False)
    else:
        frame.to_parquet(tmp_path / name)
    assert load_items(tmp_path, columns={"task": "question"}) == [Item("a", "t", "o")]


@pytest.mark.parametrize(
    ("texts", "where", "what"),
    [
        ({"x/a.txt": "o", "y/task.txt": "t"}, "x/a.txt", r"no task .*a\.task\.txt beside it"),
        ({"task.txt": "t", "a.txt": b"one\ntwo\ncaf\xe9"}, "a.txt, line 3", "0xe9 is not UTF-8"),
        ({"task.txt": b"\xff", "a.txt": "o"}, "task.txt, line 1", "0xff is not UTF-8"),
        ({"task.txt": "t", "a.txt": " \n"}, "a.txt", "file is empty"),
        ({"task.txt": "", "a.txt": "o"}, "task.txt", "file is empty"),
        ({"task.txt": "t", "a.txt": "o", "reference.txt": ""}, "reference.txt", "file is empty"),
        ({}, "", "folder is empty"),
        ({"sub/.keep": ""}, "", "no text of an output"),
        ({"a.docx": "x", "b.pdf": "x", "Makefile": "x"}, "", r"ends in \.docx, \.pdf, Makefile"),
        ({"task.txt": "t", "x/reference.txt": "r"}, "", "but no output"),
        ({"task.txt": "t", "a.txt": "o", "b.task.txt": "t"}, "b.task.txt", "there is no b.txt or b.md"),
        ({"task.txt": "t", "a.txt": "o", "a.md": "o"}, "a.txt", "a.md stands beside it"),
        ({"task.txt": "t", "task.md": "t", "a.txt": "o"}, "task.txt", "both would be 'task'"),
        ({"items.jsonl": "x", "items.csv": "x"}, "", "both items.jsonl and items.csv"),
        ({"ledger.sqlite": "x", "a.txt": "o", "task.txt": "t"}, "", "folder of a run"),
        ({"ledger.sqlite": "x", "items.csv": "id,task,output\na,t,o\n"}, "", "folder of a run"),
        ({"a.txt": "o", "task.txt": "t", "runs/one/ledger.sqlite": "x"}, "runs/one", "folder of a run"),
        ({"dataset_info.json": "{}", "state.json": "{}"}, "", "saved Hugging Face .* hf:"),
    ],
)
def test_a_fault_of_a_folder_names_the_file(tmp_path, texts, where, what):
    root = tmp_path / "mine"
    root.mkdir()
    with pytest.raises(InputError, match=what) as caught:
        load_items(folder(root, texts))
    assert caught.value.where == str(root / where.partition(",")[0]) + "".join(where.partition(",")[1:])


# Hugging Face data sets, by the real library


def hf_rows():
    return datasets.Dataset.from_dict({"question": ["2+2?", "3+3?"], "answer": ["4", "7"], "label": [1, 0]})


MAPPED = {"task": "question", "output": "answer", "correct": "label"}
ITEMS = [Item("0", "2+2?", "4", correct=True), Item("1", "3+3?", "7", correct=False)]


def test_a_data_set_object_and_its_other_forms():
    data = hf_rows()
    labelled = data.cast_column("label", datasets.ClassLabel(names=["wrong", "right"]))
    for one in (data, labelled, data.with_format("numpy"), data.to_iterable_dataset()):
        assert load_items(one, columns=MAPPED) == ITEMS
    assert load_items(datasets.Dataset.from_list(ROWS)) == load_items(ROWS)
    assert load_items(data.add_column("id", [7, 8]), columns=MAPPED)[1].id == "8"
    assert load_items(data.add_column("key", ["x", "y"]), columns=MAPPED | {"id": "key"})[1].id == "y"


def test_the_rows_that_were_chosen_are_the_rows_that_are_read():
    assert load_items(hf_rows().select([1]), columns=MAPPED)[0].output == "7"


@pytest.mark.parametrize(
    ("column", "cells", "columns", "what"),
    [
        ("extra", ["x", "y"], {"task": "question"}, r"'output' is missing; there are: .*extra"),
        (
            "extra",
            ["x", ""],
            {"task": "question", "output": "extra"},
            "the data set, row 1, field 'extra'.*empty",
        ),
        ("id", ["x", "x"], MAPPED, "the id 'x' stands already at the data set, row 0"),
        ("extra", [["x"], ["y"]], {"task": "question", "output": "extra"}, "text was expected, not list"),
        (
            "extra",
            ["x", "y"],
            {**MAPPED, "id": "key"},
            "'key' is missing; there are: question, answer, label, extra",
        ),
    ],
)
def test_a_fault_of_a_data_set_names_the_row(column, cells, columns, what):
    with pytest.raises(InputError, match=what):
        load_items(hf_rows().add_column(column, cells), columns=columns)


def test_columns_that_no_field_needs_are_named_but_not_read():
    table = dataset_table(hf_rows().add_column("picture", ["x", "y"]), MAPPED, "mine")
    assert table.columns["picture"] == [None, None]
    assert table.columns["answer"] == ["4", "7"]


def test_a_data_set_without_rows():
    with pytest.raises(InputError, match="no items"):
        load_items(hf_rows().select([]), columns=MAPPED)


def test_several_splits_are_refused_with_their_names():
    both = datasets.DatasetDict({"train": hf_rows(), "test": hf_rows()})
    with pytest.raises(InputError, match=r"the splits are: train, test\. .*data\['train'\]"):
        load_items(both)


def test_a_saved_data_set(tmp_path, monkeypatch):
    hf_rows().save_to_disk(f"{tmp_path}/one")
    datasets.DatasetDict({"train": hf_rows(), "test": hf_rows().select([1])}).save_to_disk(f"{tmp_path}/two")
    assert load_items(f"hf:{tmp_path}/one", columns=MAPPED) == ITEMS
    assert load_items(f"hf:{tmp_path}/two#train", columns=MAPPED) == ITEMS
    assert [item.output for item in load_items(f"hf:{tmp_path}/two#test", columns=MAPPED)] == ["7"]
    monkeypatch.chdir(tmp_path)
    assert load_items("hf:one", columns=MAPPED) == ITEMS
    (tmp_path / "none").mkdir()
    for name, what in {
        "hf:two": r"no split is named; the splits are: train, test\. To mend it: write hf:two#train",
        "hf:two#tset": "no split 'tset'; the splits are: train, test",
        "hf:one#train": "leave #train out",
        "hf:none": "neither a `Dataset` directory nor",
        "hf:./nothing": "not found",
    }.items():
        with pytest.raises(InputError, match=what):
            load_items(name, columns=MAPPED)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a/b", HubName("a/b")),
        ("a/b@v1.0", HubName("a/b", "v1.0")),
        ("a/b@refs/pr/3:c-d#test", HubName("a/b", "refs/pr/3", "c-d", "test")),
        ("a/b:c", HubName("a/b", config="c")),
        ("a/b#train[:50%]", HubName("a/b", split="train[:50%]")),
    ],
)
def test_names_on_the_hub(text, expected):
    assert HubName.parse(f"hf:{text}") == expected


@pytest.mark.parametrize(
    "text", ["", "#train", "b", "a/b/c", "a/b@", "a/b:", "a/b#", "a b/c", "https://x.org/a/b"]
)
def test_other_names_are_refused(text):
    with pytest.raises(InputError, match="neither hf:OWNER/NAME"):
        load_items(f"hf:{text}")


def test_what_the_library_is_asked_for(monkeypatch):
    asked = []

    def load_dataset(*args, **keywords):
        asked.append((args, keywords))
        return hf_rows()

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert load_items("hf:a/b@v/1:c#test", columns=MAPPED) == ITEMS
    load_items("hf:a/b#test", columns=MAPPED)
    load_items("hf:a/b", columns=MAPPED)
    (args, keywords), (_, plain), (_, without_split) = asked
    assert args == ("a/b", "c")
    assert (keywords["revision"], keywords["split"]) == ("v/1", "test")
    assert Path(keywords["cache_dir"]).name == "v%2F1"
    assert keywords["trust_remote_code"] is False
    assert (keywords["streaming"], without_split["streaming"]) == (False, True)
    assert (plain["revision"], plain["cache_dir"]) == (None, None)


@pytest.mark.parametrize(
    ("raised", "kind", "what"),
    [
        (ConnectionError("Couldn't reach it\nsecond line"), OperationError, r"reached \(Couldn't reach it\)"),
        (TimeoutError(), OperationError, r"reached \(TimeoutError\)"),
        (datasets.exceptions.DatasetNotFoundError("no such set."), InputError, r"loaded \(no such set\)\."),
        (ValueError("BuilderConfig 'c' not found"), InputError, "BuilderConfig 'c' not found"),
        (RuntimeError("Dataset scripts are no longer supported"), InputError, "no longer supported"),
        (datasets.exceptions.DatasetGenerationError("torn"), OperationError, "torn"),
        (OSError("Bearer abcdefgh"), OperationError, r"\(\[masked\]\)"),
        (KeyError("x" * 999), OperationError, r"loaded \('x{299}\)$"),  # a quotation mark and 299 make 300
    ],
)
def test_what_the_library_raises_becomes_one_sentence(monkeypatch, raised, kind, what):
    def load_dataset(*args, **keywords):
        raise raised

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(kind, match=what) as caught:
        load_items("hf:a/b#train")
    assert "hf:a/b#train: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_of_the_same_name_does_not_pass_for_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder(tmp_path, {"a/b/train.csv": "id,task,output\nx,t,o\n"})
    for name in ("hf:a/b#train", "hf:a/b@v1#train", "hf:a/b:c#train"):
        with pytest.raises(InputError, match=r"neither a `Dataset`|in place of the hub"):
            load_items(name)


@pytest.mark.parametrize(
    "stand_in", [None, types.ModuleType("datasets")], ids=["absent", "a folder of that name"]
)
def test_without_the_library_the_extra_is_named(monkeypatch, stand_in):
    monkeypatch.setitem(sys.modules, "datasets", stand_in)
    with pytest.raises(MissingExtraError, match=r"judge-auditor\[hf\]"):
        load_items("hf:a/b#train")
    assert load_items(ROWS)[0].id == "a"


OFFLINE = """
import sys
from auditor.errors import AuditorError
from auditor.items import load_items

for name in sys.argv[1:]:
    try:
        print([item.output for item in load_items(name)])
    except AuditorError as error:
        print(type(error).__name__, error)
"""


def prepared(cache):
    """Lay down what the library leaves of ``somebody/things`` after a download."""
    from datasets.packaged_modules.json.json import Json

    rows = write(cache.parent / "rows.jsonl", "".join(json.dumps(row) + "\n" for row in ROWS))
    builder = Json(
        cache_dir=str(cache), dataset_name="things", hash="0" * 40, data_files={"train": [str(rows)]}
    )
    builder.download_and_prepare()
    made = next((cache / "things").iterdir())
    made.rename(made.with_name("default"))
    (cache / "things").rename(cache / "somebody___things")


def test_without_the_network(tmp_path):
    prepared(tmp_path / "cache")
    names = [
        "hf:nobody/nothing#train",
        *(f"hf:somebody/things{end}" for end in ("#train", "", "#no", "@v1#train")),
    ]
    root = str(Path(__file__).resolve().parent.parent)
    # The library reads these once, as it is imported: hence another process.
    settings = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(tmp_path / "cache")}
    environment = {"PYTHONPATH": root, **os.environ, **settings}
    shown = subprocess.check_output(
        [sys.executable, "-c", OFFLINE, *names], text=True, env=environment, cwd=tmp_path
    ).splitlines()
    assert len(shown) == len(names)
    unreachable, cached, no_split, wrong_split, other_revision = shown
    assert unreachable.startswith("OperationError hf:nobody/nothing#train: the hub could not be reached")
    assert cached == str([row["output"] for row in ROWS])
    assert "InputError" in no_split
    assert "the splits are: train" in no_split
    assert "InputError" in wrong_split
    assert "['train']" in wrong_split
    # The library alone would give the copy in its cache, whichever revision that is.
    assert other_revision.startswith(
        "OperationError hf:somebody/things@v1#train: the hub could not be reached"
    )


# Drawing evenly


def graded(*counts, **fields):
    """As many items as each count says, with gold 0, 1, 2, ..."""
    return [
        Item(f"{gold}-{k}", "t", "o", gold=float(gold), **fields)
        for gold, count in enumerate(counts)
        for k in range(count)
    ]


@pytest.mark.parametrize(
    ("counts", "limit", "expected"),
    [
        ((12, 6, 3), 9, [3, 3, 3]),  # 9 / 3
        ((12, 6, 1), 9, [4, 4, 1]),  # one is all there is; (9 - 1) / 2
        ((12, 0, 3), 15, [12, 0, 3]),  # all of them
        ((2, 2, 2), 99, [2, 2, 2]),
    ],
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_as_many_of_each_gold(counts, limit, expected, seed):
    drawn = Counter(item.gold for item in draw_evenly(graded(*counts), limit, seed, "gold"))
    assert [drawn[float(gold)] for gold in range(3)] == expected


def test_the_same_seed_draws_the_same_and_another_does_not():
    items = graded(20, 20)
    drawn = load_items(items, limit=10, seed=1, stratify="gold")
    assert drawn == draw_evenly(items, 10, 1, "gold")
    assert drawn != draw_evenly(items, 10, 2, "gold")
    assert [item for item in items if item in drawn] == drawn  # in their order
    assert len(drawn) == 10


def test_chance_decides_who_gets_one_more():
    more = {
        Counter(item.gold for item in draw_evenly(graded(9, 9), 3, seed, "gold")).most_common(1)[0][0]
        for seed in range(20)
    }
    assert more == {0.0, 1.0}  # that one of two gets it 20 times has a chance of 2 in 2**20


def test_gold_of_many_values_is_drawn_over_its_whole_range():
    items = graded(*[1] * 100)  # gold 0 to 99, each once: ten draws, one out of each ten neighbours
    drawn = draw_evenly(items, 10, 0, "gold")
    assert [int(item.gold // 10) for item in drawn] == list(range(10))
    assert drawn != draw_evenly(items, 10, 1, "gold")


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_spread_across_the_values(seed):
    items = [
        Item(f"{group}{right}{k}", "t", "o", correct=right, group=group)
        for group in "abcde"
        for right in (True, False)
        for k in range(4)
    ]
    drawn = draw_evenly(items, 10, seed, "correct")
    assert Counter(item.correct for item in drawn) == {True: 5, False: 5}
    assert Counter(item.group for item in drawn) == dict.fromkeys("abcde", 2)  # 10 items / 5 groups


def test_items_without_a_value_only_fill_up():
    items = [Item(str(k), "t", "o", peer=("x", "y")[k % 2] if k < 8 else None) for k in range(20)]
    assert Counter(item.peer for item in draw_evenly(items, 8, 0, "peer")) == {"x": 4, "y": 4}
    assert Counter(item.peer for item in draw_evenly(items, 11, 0, "peer")) == {"x": 4, "y": 4, None: 3}
    assert draw_evenly(items, 20, 0, "peer") == items


@pytest.mark.parametrize(
    ("field", "limit", "what"),
    [
        ("task", 2, "stratified by gold, correct, peer, not 'task'"),
        ("correct", 2, "no item has a value of 'correct'"),
        ("gold", 0, "at least one item is needed, not 0"),
        ("gold", None, "add --limit N"),
    ],
)
def test_faults_of_an_even_draw(field, limit, what):
    with pytest.raises(InputError, match=what):
        load_items(graded(2, 2), limit=limit, stratify=field)

import json

import pandas as pd
import pytest

from auditor.errors import InputError
from auditor.items import builtin_names, combine, draw, load_items
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

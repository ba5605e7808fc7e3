"""The reader of Torch7's files: what Torch itself wrote, what our writer writes, and what nobody should write."""

import struct
from pathlib import Path

import numpy as np
import pytest

from neural_painter.fast.files import ModelError
from neural_painter.fast.formats import torch7
from neural_painter.fast.formats.torch7 import MOST_DEPTH, Table, TorchObject, value_of
from tests.neural_painter.fast.formats.torch7_writer import Function, Writer, array, table, torch7_bytes
from tests.shared_data import shared_file


@pytest.fixture
def read():
    """Reads these bytes, or those of this value."""

    def round_trip(value, **settings):
        return value_of(value if isinstance(value, bytes) else torch7_bytes(value, **settings), Path("a.t7"))

    return round_trip


def tensor_bytes(sizes, strides, first=1, storage=range(6)):
    """A tensor of these numbers, which may make no sense."""
    made = Writer()
    made.int(4)
    made.int(1)
    made.name("torch.FloatTensor")
    made.int(len(sizes))
    for number in (*sizes, *strides, first):
        made.long(number)
    made.int(4)
    made.int(2)
    made.name("torch.FloatStorage")
    made.long(len(storage))
    made.data += array(storage).tobytes()
    return bytes(made.data)


# What Torch wrote.


def shared(name):
    path = shared_file(name)
    return value_of(path.read_bytes(), path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hello=123", {"hello": 123}),
        ("list_table", {1: "hello", 2: "world", 3: "third item", 4: 123}),
        ("map_table1", {0: "zero", 1: "hello", 2: "world", 3: "third item", 4: 123}),
    ],
)
def test_tables_of_torch(name, expected):
    assert shared(f"t7/{name}.t7") == expected


def test_tensors_of_torch():
    found = shared("t7/doubletensor.t7")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [[1, 2, 3], [4, 5, 6.9]])
    found = shared("t7/floattensor.t7")
    assert (found.dtype, found.shape) == (np.float32, (2, 3, 4))
    np.testing.assert_allclose(found[0, 0], [0.86353, 0.53612, 0.48206, 0.54235], atol=1e-5)
    assert 0 < found.min() < found.max() < 1


def test_functions_of_torch_are_passed_over():
    found = shared("t7/function.t7")
    assert (found.class_name, found.fields) == ("function", {})


def test_a_graph_of_torch():
    found = shared("t7/gmodule_with_linear_identity.t7")
    assert found.class_name == "nn.gModule"
    modules = found.fields["modules"].sequence()
    assert [module.class_name for module in modules] == ["nn.Identity", "nn.Identity", "nn.Linear", "nn.CAddTable"]
    linear = modules[2].fields
    assert linear["weight"].shape == (len(linear["bias"]), linear["weight"].shape[1])
    nodes = found.fields["fg"].fields["nodes"].sequence()
    assert any(node.fields["data"].get("module") is modules[2] for node in nodes)


# What our writer writes.


@pytest.mark.parametrize(
    "value",
    [
        True,
        False,
        0,
        -3,
        2.5,
        1e300,
        float("inf"),
        "",
        "Grüße\n",
        Table(),
        table("a", "b", x=1, y=table(2.5)),
        Table({-1: "a", 0.5: "b", "": False}),
        table(None, 2),
    ],
)
def test_plain_values(value, read):
    found = read(value)
    assert found == value
    assert type(found) is type(value)


def test_whole_numbers_are_ints_where_floats_are_exact(read):
    found = read(table(2.0, 2.0**53, -0.5))
    assert [type(value) for value in found.sequence()] == [int, float, float]


@pytest.mark.parametrize("dtype", ["<f4", "<f8", "|u1", "|i1", "<i2", "<i4", "<i8"])
@pytest.mark.parametrize("settings", [{}, {"width": 4}, {"cuda": True}, {"versions": False}], ids=str)
def test_tensors_of_all_kinds(dtype, settings, read):
    value = array([[1, 2, 3], [4, 5, 100]], dtype)
    found = read(table(value, value[:, 1], value.T[1:], 7), **settings)
    for got, wanted in zip(found.sequence(), [value, value[:, 1], value.T[1:]], strict=False):
        np.testing.assert_array_equal(got, wanted)
        assert got.dtype == (np.int32 if dtype == "<i8" and settings.get("width") == 4 else dtype)
        assert not got.flags.writeable
    assert np.shares_memory(found[1], found[2])
    assert found[4] == 7


def test_a_tensor_of_nothing(read):
    found = read(table(array([], "<f8"), 1))
    assert (found[1].shape, found[1].dtype) == ((0,), np.float64)
    assert found[2] == 1


def test_what_is_one_thing_stays_one_thing(read):
    weight, shared = array([1, 2]), table(5)
    found = read(table(weight, shared, weight, shared, table(5)))
    assert found[1] is found[3]
    assert found[2] is found[4]
    assert found[2] is not found[5]


def test_cycles(read):
    around, module = table(1), TorchObject("nn.Thing")
    around["self"] = around
    module.fields.update(parent=module, table=around)
    around["module"] = module
    found = read(around)
    assert found["self"] is found
    assert found["module"].fields["parent"] is found["module"]
    assert found["module"].fields["table"] is found


def test_tables_may_be_keys(read):
    key = table(1)
    found = read(Table({key: "a", 1: key, "same": table(1)}))
    assert found[found[1]] == "a"
    assert found["same"] not in found
    assert found["same"] == found[1]


@pytest.mark.parametrize("tag", [6, 7, 8])
def test_functions_are_passed_over_and_their_upvalues_known(tag, read):
    weight = array([1, 2, 3])
    upvalues = table(table(name="w", value=weight))
    function = Function(b"\x1bLua os.execute('rm')" * 10, upvalues, tag)
    found = read(table(function, weight, function, "end"))
    assert found[1].class_name == "function"
    assert found[1].fields == {}
    np.testing.assert_array_equal(found[2], weight)
    assert (found[1] is found[3]) == (tag != 6)
    assert found[4] == "end"


def test_deep_but_bearable(read):
    value = table(end=True)
    for _ in range(MOST_DEPTH - 1):
        value = table(value)
    found = read(value)
    for _ in range(MOST_DEPTH - 1):
        found = found[1]
    assert found == {"end": True}


# What nobody should write.


def sample():
    """Some of everything."""
    module = TorchObject("nn.ReLU", table(weight=array([[1, 2], [3, 4]]), inplace=True))
    value = table(module, "text", 2.5, Function(upvalues=table(1)), module, array([1, 2, 3], "<i8"))
    value["self"] = value
    return torch7_bytes(value)


def test_files_that_are_cut_short_anywhere(read):
    data = sample()
    read(data)
    for length in range(len(data)):
        with pytest.raises(ModelError, match=r"a\.t7: (not a|is )"):
            read(data[:length])


def test_files_with_any_byte_changed_are_read_or_refused(read):
    data = sample()
    sentences = []
    for place in range(4, len(data)):
        for value in (4, 0xFF):
            try:
                read(data[:place] + bytes([value]) + data[place + 1 :])
            except ModelError as error:
                sentences.append(str(error))
    assert len(sentences) > len(data) / 2
    assert not any("\n" in sentence for sentence in sentences)


@pytest.mark.parametrize(
    ("sizes", "strides", "first"),
    [
        ((7,), (1,), 1),
        ((2, 3), (3, 1), 2),
        ((2, 3), (4, 1), 1),
        ((6,), (1,), 0),
        ((6,), (-1,), 6),
        ((6,), (1,), -(2**60)),
        ((1,), (1,), 7),
        ((-2, -3), (3, 1), 1),
        ((0,), (1,), 1),
        ((2**31, 2**31), (0, 0), 1),
        ((7,), (0,), 1),
        ((2,), (2**62,), 1),
        ((2**62, 2), (1, 1), 1),
    ],
)
def test_tensors_that_reach_outside_their_storage(sizes, strides, first, read):
    read(tensor_bytes((2, 3), (3, 1)))
    with pytest.raises(ModelError, match=r"a tensor of sizes .* does not fit its storage of 6"):
        read(tensor_bytes(sizes, strides, first))


def test_a_view_is_not_taken_for_a_storage(read):
    """Steps through a view that repeats its last element would leave the file."""
    made = Writer()
    made.int(3)
    made.int(9)
    made.int(2)
    made.write(1)
    made.data += tensor_bytes((6,), (0,), 6)
    made.write(2)
    made.int(4)
    made.int(3)
    made.name("torch.FloatTensor")
    made.int(1)
    for number in (6, 1, 1):
        made.long(number)
    made.int(4)
    made.int(1)  # the tensor above, where a storage belongs
    with pytest.raises(ModelError, match="a tensor has no storage of its kind"):
        read(bytes(made.data))


def test_a_tensor_in_itself(read):
    with pytest.raises(ModelError, match="a tensor holds itself"):
        read(tensor_bytes((6,), (1,)).replace(struct.pack("<ii", 4, 2), struct.pack("<ii", 4, 1)))


def numbers(*values):
    return struct.pack(f"<{len(values)}i", *values)


def named(name):
    return numbers(4, 1, 3) + b"V 1" + numbers(len(name)) + name


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (numbers(3, 1, 2**31 - 1), "a table claims 2147483647 entries, and 0 bytes are left"),
        (numbers(3, 1, -1), "a table claims -1 entries"),
        (numbers(2, 2**31 - 1), "0 bytes left, expected 2147483647"),
        (numbers(2, -5), "0 bytes left, expected -5"),
        (numbers(3, 1, 1, 9, 0), "at byte 12 is a value of type 9, expected 0 to 8"),
        (numbers(3, 1, 1, -1, 0), "a value of type -1"),
        (numbers(3, 1, 1, 0, 0), "has nil for a key"),
        (numbers(3, 1, 2, 5, 1, 0, 5, 1, 0), "a key twice"),
        (numbers(3, 1, 1) + tensor_bytes((6,), (1,)).replace(numbers(4, 1), numbers(4, 5), 1), "a tensor for a key"),
        (named(b"nn.ReLU") + numbers(1, 0, 0), "'nn.ReLU' has no table of fields"),
        (named(b"torch.QuadTensor") + numbers(0), "torch.QuadTensor, which is not known"),
        (named(b"torch.FloatTensor") + numbers(2**31 - 1), "a tensor claims 2147483647 dimensions"),
        (named(b"torch.FloatTensor") + numbers(-1), "a tensor claims -1 dimensions"),
        (named(b"torch.FloatTensor") + numbers(1, 2, 0, 1, 0, 1, 0, 0), "a tensor has no storage of its kind"),
        (named(b"torch.FloatStorage") + numbers(0, 1 << 30, 0), "a storage claims 4611686018427387904 elements"),
        (named(b"torch.FloatStorage") + numbers(-1, -1), "a storage claims -1 elements"),
        (named(b"\x1b[31mred") + numbers(3, 2, 0), "no proper class name"),
        (numbers(8, 1, 2**30), "bytes left, expected 1073741824"),
        (numbers(5, 1) + b"rest", "4 bytes follow the value"),
    ],
)
def test_absurd_numbers(data, sentence, read):
    with pytest.raises(ModelError, match=sentence) as caught:
        read(data)
    assert caught.value.exit_status == 4
    assert str(caught.value).count("\n") == 0


def test_too_deep(read):
    value = table()
    for _ in range(MOST_DEPTH):
        value = table(value)
    with pytest.raises(ModelError, match=f"more than {MOST_DEPTH} tables and objects lie inside one another"):
        read(value)
    with pytest.raises(ModelError, match="lie inside one another"):
        read(b"".join(numbers(3, index, 1, 5, 1) for index in range(200_000)))
    with pytest.raises(ModelError, match="lie inside one another"):
        read(numbers(6, 0) * 200_000)


def test_too_many_values(read, monkeypatch):
    monkeypatch.setattr(torch7, "MOST_VALUES", 1000)
    read(Table(dict.fromkeys(range(499), 1)))
    with pytest.raises(ModelError, match="more than 1000 values"):
        read(Table(dict.fromkeys(range(500), 1)))


def test_a_history_of_losses_is_read(read):
    assert len(read(Table(dict.fromkeys(range(50000), 0.5)))) == 50_000


def test_other_files(read):
    for data, sentence in (
        (b"<!DOCTYPE html><html>404", "is a web page (HTML), expected a model of a style"),
        (b"Not Found", "is a text, expected a model of a style"),
        (b"PK\3\4rest", "is a ZIP archive, expected a model of a style"),
        (b"\x80\2\x8a\nl", "is a pickle, expected a model of a style"),
        (b"\3\0", "not a model of a style (unknown data)"),
        (b"\x09\0\0\0\1\0\0\0", "not a model of a style (unknown data)"),
        (b"4\n1\n3\nV 1\n13\nnn.Sequential\n", "an ASCII file of Torch7, of which only binary ones are read"),
    ):
        with pytest.raises(ModelError) as caught:
            read(data)
        assert str(caught.value) == f"a.t7: {sentence}"

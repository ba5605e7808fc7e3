import pytest


def pytest_addoption(parser):
    parser.addoption("--renew-goldens", action="store_true", help="write the expected files anew instead of comparing")


@pytest.fixture
def golden(request):
    """Compares a text with the file that is expected, or writes that file where --renew-goldens was given."""

    def compare(path, text):
        if request.config.getoption("--renew-goldens"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        expected = path.read_text(encoding="utf-8") if path.exists() else "(no such file; run pytest --renew-goldens)"
        assert text == expected

    return compare

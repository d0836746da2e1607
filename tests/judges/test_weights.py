import hashlib

import pytest

from auditor.errors import InputError
from auditor.judges.weights import file_sha256, known_weights, verified_path


def test_every_known_file_is_pinned():
    for weights in known_weights().values():
        assert len(weights.sha256) == 64
        assert weights.bytes > 10_000_000
        assert weights.url.startswith("https://")


def test_missing_weights_say_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDITOR_MODELS", str(tmp_path))
    with pytest.raises(InputError, match="auditor models fetch smollm2-135m"):
        verified_path("smollm2-135m")


def test_weights_with_a_wrong_hash_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDITOR_MODELS", str(tmp_path))
    path = known_weights()["smollm2-135m"].path
    path.write_bytes(b"not the weights")
    wrong = hashlib.sha256(b"not the weights").hexdigest()
    assert file_sha256(path) == wrong
    with pytest.raises(InputError, match=wrong):
        verified_path("smollm2-135m")

"""Which model made a data set: the same one is known again, a trained one is not taken for it."""

from pathlib import Path

import pytest

from verl_reflect.records.model_identity import BLOCK, BLOCKS, ModelIdentity, template_hash, weights_hash


def folder(path: Path, content: bytes, name: str = "model.safetensors") -> Path:
    path.mkdir()
    (path / name).write_bytes(content)
    return path


def test_a_copy_has_the_same_hash_and_another_content_not(tmp_path: Path) -> None:
    one, copy = folder(tmp_path / "one", b"weights"), folder(tmp_path / "copy", b"weights")
    other = folder(tmp_path / "other", b"weighty")
    assert weights_hash(one) == weights_hash(copy) != weights_hash(other)
    assert not ModelIdentity.of(str(one)).differs_from(ModelIdentity.of(str(copy)))
    assert ModelIdentity.of(str(one)).differs_from(ModelIdentity.of(str(other)))


def test_every_byte_of_a_small_file_counts(tmp_path: Path) -> None:
    content = bytes(3 * BLOCK + 5)
    hashes = {weights_hash(folder(tmp_path / "zero", content))}
    for place in (0, BLOCK, 2 * BLOCK - 1, len(content) - 1):
        changed = content[:place] + b"x" + content[place + 1 :]
        hashes.add(weights_hash(folder(tmp_path / str(place), changed)))
    assert len(hashes) == 5


def test_a_large_file_is_read_in_part_and_to_its_end(tmp_path: Path) -> None:
    size = 4 * BLOCK * BLOCKS
    hashes = set()
    for name, place, changed in (("zero", 0, b""), ("region", size // 3, b"x" * 5 * BLOCK), ("end", size - 1, b"x")):
        path = folder(tmp_path / name, b"") / "model.safetensors"
        with open(path, "r+b") as file:
            file.truncate(size)
            file.seek(place)
            file.write(changed)
        hashes.add(weights_hash(path.parent))
    assert len(hashes) == 3


def test_a_folder_without_weights_is_known_by_its_path_only(tmp_path: Path) -> None:
    one, other = folder(tmp_path / "a", b"", "config.json"), folder(tmp_path / "b", b"", "config.json")
    assert ModelIdentity.of(str(one)).weights == ""
    assert ModelIdentity.of(str(one)).differs_from(ModelIdentity.of(str(other)))
    assert not ModelIdentity.of(str(one)).differs_from(ModelIdentity.of(str(one)))


def test_a_model_of_the_hub_is_known_by_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = tmp_path / "snapshots" / "0123abc"
    cached.mkdir(parents=True)
    (cached / "config.json").write_text("{}")
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: str(cached / "config.json"))
    before = ModelIdentity.of("org/model")
    (cached / "model.safetensors").write_bytes(b"weights")
    after = ModelIdentity.of("org/model")
    assert (before.revision, before.weights) == ("0123abc", "")
    assert before.known_before_loading == after.known_before_loading == ["org/model", "0123abc"]
    assert not before.differs_from(after)
    assert not after.differs_from(ModelIdentity.of(str(cached))), "the same weights under another path"
    assert before.differs_from(ModelIdentity("org/model", revision="4567def"))


def test_what_is_no_name_of_the_hub(tmp_path: Path) -> None:
    assert ModelIdentity.of("hdfs://cluster/a/b/c") == ModelIdentity("hdfs://cluster/a/b/c")


def test_a_templates_arguments_count() -> None:
    assert template_hash("{{ x }}", {}) != template_hash("{{ x }}", {"enable_thinking": False})
    assert template_hash("{{ x }}", {}) == template_hash("{{ x }}", {}) != template_hash("{{ y }}", {})

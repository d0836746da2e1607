"""Items: read from files, folders of texts, DataFrames, Hugging Face or the built-in data sets, and checked."""

from __future__ import annotations

from auditor.items.builtin import builtin_folder, builtin_names
from auditor.items.drawing import combine, draw, draw_evenly
from auditor.items.loading import load_items

__all__ = ["builtin_folder", "builtin_names", "combine", "draw", "draw_evenly", "load_items"]

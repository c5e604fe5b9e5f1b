"""Formats made of text: csv, tsv, json, jsonl, txt."""

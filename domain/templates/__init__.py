"""The sandboxed language of templates."""

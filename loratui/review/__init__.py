"""Review: sheets that compare epochs."""

"""The report of a study: what it holds, in words, as Markdown, as figures, as one HTML file."""

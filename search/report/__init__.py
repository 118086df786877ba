"""The report of a study: its content, summary and figures, as HTML, Markdown or JSON."""

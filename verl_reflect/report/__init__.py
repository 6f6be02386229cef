"""`verl-reflect report`: what trainings and evaluations did, as one HTML file that needs no network.

    folders ──► sources ──► measures, curves, errors, cost ──► tables, plots, a paragraph ──► one page
                       └──► transcripts, groups of reflections ──────────────────────────────┘

`reading.py` reads run and evaluation folders, `session.py` their lines; `measures.py` has the numbers and their
intervals, `results.py` what is compared with what; `browser.py` makes the page's transcripts; `page.py` puts it
together from `page.html.j2`, `page.css` and `page.js`.
"""

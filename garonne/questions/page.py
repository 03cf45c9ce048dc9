"""The page of questions: each with its call, its search and the answer of both."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from garonne.questions.asking import Row
from garonne.questions.city import END, START, TENANT
from garonne.questions.question import Question

PAGE = f"""# Twenty questions of a city

Written by `garonne questions docs`, which asks each of Elasticsearch and of the API and refuses when they differ;
edit `garonne/questions/questions.yaml`, not this page. What every field means is in the
[data dictionary](data-dictionary.md), how to ask in [the API](api.md).

The answers are those of an example city, a small simulated one with its true figures, from {START:%Y-%m-%d %H:%M} to
{END:%Y-%m-%d %H:%M} UTC (Paris is two hours ahead). `make demo` holds that city too, and prints the line
`export API=… ES=… KEY=…` to paste into a terminal before the commands below. On servers of your own:

```sh
garonne up                # the servers, if they do not run
garonne questions fill    # the example city, as the tenant {TENANT}
garonne serve             # in another terminal
garonne questions ask tropical-nights
garonne questions forget  # removes it
```

For your own city put its name in place of `{TENANT}`. `$API` stands for http://127.0.0.1:8080, `$ES` for the address of
Elasticsearch (`garonne up` prints it) and `$KEY` for a key of it (`garonne tenants add`).
"""


def page(answered: Iterable[tuple[Question, list[Row]]]) -> str:
    """The page with the rows of each question."""
    every = list(answered)
    contents = [f"{n}. [{q.fr}](#{q.id})" for n, (q, _) in enumerate(every, 1)]
    return "\n".join([PAGE, *contents, "", *("\n".join(_section(q, rows)) for q, rows in every)])


def _section(question: Question, rows: list[Row]) -> Iterator[str]:
    yield f'<a id="{question.id}"></a>\n\n## {question.fr}\n'
    yield f"*{question.en}*\n"
    yield "```sh"
    yield f'curl -G "$API{question.path}" \\'
    yield " \\\n".join(f"  --data-urlencode {_quoted(f'{k}={v}')}" for k, v in question.parameters.items())
    yield "```\n\n```sh"
    yield f'curl -H "Authorization: ApiKey $KEY" "$ES/{question.index}/_search" \\'
    yield f"  -H 'Content-Type: application/json' -d {_quoted(json.dumps(question.search, ensure_ascii=False))}"
    yield "```\n"
    yield from _table(rows)
    yield ""


def _table(rows: list[Row]) -> Iterator[str]:
    if not rows:
        yield "*(rien · nothing)*"
        return
    columns = list(rows[0])
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(_shown(row[c]) for c in columns)} |"


def _shown(value: Any) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"

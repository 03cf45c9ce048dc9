"""The command `garonne`: one sentence a command, errors in one line, exit codes that scripts can use."""

from __future__ import annotations

import sys

import typer

from garonne import archive, contracts, deadletters, feeds, jobs_command, keys, kibana, servers, submit, tenants
from garonne.console import errors
from garonne.demo.command import demo
from garonne.doctor import doctor
from garonne.health.command import health
from garonne.ingest import ingest
from garonne.ledger import ledger
from garonne.questions import command as questions
from garonne.rebuild import rebuild
from garonne.serve import serve
from garonne.simulate import simulate
from garonne.status import status
from runtime.logs import configure_logs

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_show_locals=False,  # among them may be passwords
    help="Garonne: from a city's feeds, over Kafka and Spark, to figures in Elasticsearch.",
)
app.command()(servers.up)
app.command()(servers.down)
app.command()(status)
app.command()(health)
app.command()(servers.reset)
app.command()(doctor)
app.command()(demo)
app.command()(simulate)
app.command()(ingest)
app.command()(submit.submit)
app.command()(submit.replay)
app.command()(rebuild)
app.command()(submit.repair)
app.command()(ledger)
app.add_typer(archive.app, name="archive")
app.command()(serve)
app.add_typer(feeds.app, name="feeds")
app.add_typer(deadletters.app, name="deadletters")
app.add_typer(keys.app, name="keys")
app.add_typer(tenants.app, name="tenants")
app.add_typer(kibana.app, name="kibana")
app.add_typer(questions.app, name="questions")
app.add_typer(jobs_command.app, name="jobs")
app.add_typer(contracts.app, name="schemas")

# What a person can mend: said in one line. Anything else is our mistake, and its traceback helps.
EXPECTED = (OSError, RuntimeError, ValueError, LookupError)


def main() -> None:
    """Run the command line. Exits with 0, with 1 on an error, with 2 on wrong usage."""
    configure_logs()
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except EXPECTED as e:
        if type(e) is KeyError:
            raise
        errors.print(f"garonne: {e}", style="red", soft_wrap=True, markup=False)
        sys.exit(1)

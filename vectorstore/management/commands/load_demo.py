"""``manage.py load_demo``: the demo collection, made at the first start."""

from django.core.management.base import BaseCommand, CommandError

from vectorstore.config.settings import current
from vectorstore.domain.errors import VectorStoreError
from vectorstore.service.demo_service import NAME, DemoService, Outcome

_WIDTH = 40

_SAID = {
    Outcome.BUILT: f"{NAME} is loaded.",
    Outcome.COMPLETE: f"{NAME} is complete.",
    Outcome.FOREIGN: f"There is a collection {NAME} that this installation did not make; it is left as it is.",
}


class Command(BaseCommand):
    help = f"Makes the demo collection {NAME} unless it is there. VECTORSTORE_DEMO=false switches it off."
    requires_system_checks = ()

    def add_arguments(self, parser):
        parser.add_argument("--force", action="store_true", help=f"drop and rebuild {NAME}")

    def handle(self, **options):
        if not current().demo:
            self.stdout.write("VECTORSTORE_DEMO is off; no demo data.")
            return
        try:
            outcome = DemoService().load(self.show, force=options["force"])
        except VectorStoreError as error:
            raise CommandError(error.detail) from error
        if outcome is Outcome.FOREIGN and options["force"]:
            raise CommandError(_SAID[outcome])
        self.stdout.write(_SAID[outcome])

    _tenths = (-1, "")

    def show(self, step, done, total):
        """A bar on a terminal; elsewhere a line at each tenth."""
        share = done / total
        if self.stdout.isatty():
            full = round(share * _WIDTH)
            bar = "█" * full + "·" * (_WIDTH - full)
            self.stdout.write(f"\r{step:<20} {bar} {share:4.0%}", ending="\n" if done == total else "")
            self.stdout.flush()
        elif (int(share * 10), step) != self._tenths:
            self._tenths = (int(share * 10), step)
            self.stdout.write(f"{NAME}: {step}, {share:.0%}")
            self.stdout.flush()

"""A headless browser for tests of pages; without one, they are skipped and say so."""

import shutil
import time

import pytest

NAMES = ('chromium', 'chromium-browser', 'google-chrome')


@pytest.fixture(scope='session')
def browser():
    """Return the distribution's Chromium, driven by Playwright."""
    sync_api = pytest.importorskip('playwright.sync_api', reason='pip install playwright')
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip('there is no browser; apt-get install chromium')
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=['--no-sandbox'])
        yield started
        started.close()


class Watched:
    """A page that remembers what went wrong, and what was asked of the network."""

    def __init__(self, browser, path, **options):
        self.context = browser.new_context(
            viewport={'width': 1440, 'height': 900}, accept_downloads=True, **options
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.faults, self.requests = [], []
        self.page.on('pageerror', lambda error: self.faults.append(str(error)))
        self.page.on('console', self._on_console)
        self.page.on('request', lambda request: self.requests.append(request.url))
        self.page.goto(path.resolve().as_uri())

    def _on_console(self, message):
        if message.type in ('error', 'warning'):
            self.faults.append(message.text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()


def until(page, expression, argument=None, seconds=20):
    """Wait until a function or expression is true; `wait_for_function` needs what pages forbid."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression, argument):
        assert time.monotonic() < end, f'after {seconds} s it is still not so: {expression}'
        page.wait_for_timeout(50)

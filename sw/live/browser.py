"""The user's browser."""

from __future__ import annotations

import webbrowser


def open_browser(url: str) -> bool:
    """Show a page; whether there is a browser that can.

    One that runs in the terminal cannot, since the view is there.
    """
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    in_background = not isinstance(browser, webbrowser.GenericBrowser) or isinstance(
        browser, webbrowser.BackgroundBrowser
    )
    return in_background and browser.open(url)

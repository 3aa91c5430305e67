"""Opening a page as somebody, with what its address says."""

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

SignIn = Callable[[AppTest, str], AppTest]


def opened(app: AppTest, sign_in: SignIn, page: str, who: str, **query: str) -> AppTest:
    """The page as this person sees it; nothing may have gone wrong on it."""
    sign_in(app, who)
    for name, value in query.items():
        app.query_params[name] = value
    at = app.switch_page(page).run()
    assert not at.exception
    return at

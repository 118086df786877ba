"""Headers that keep browsers from doing more than show."""

from studyhall.search.dashboard import headers


def test_a_page_keeps_its_own_policy_and_gets_the_rest():
    own = [("Content-Security-Policy", "default-src 'self'"), ("Content-Type", "text/html")]
    found = dict(headers.guarded("/dashboard", own))
    assert found["Content-Security-Policy"].startswith("default-src 'self'; frame-ancestors 'none'")
    assert found["X-Frame-Options"] == "DENY"
    assert found["X-Content-Type-Options"] == "nosniff"
    assert found["Cache-Control"] == "private, no-cache"


def test_whatever_has_no_policy_may_load_nothing():
    found = dict(headers.guarded("/api/studies", [("Content-Type", "application/json")]))
    assert found["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_file_is_shown_in_a_sandbox_and_to_our_page_alone():
    found = headers.guarded("/artifacts/1/ab", [("Access-Control-Allow-Origin", "*")])
    policy = dict(found)["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'") and "script" not in policy
    assert "Access-Control-Allow-Origin" not in dict(found)
    assert dict(found)["X-Content-Type-Options"] == "nosniff"


def test_what_never_changes_may_be_kept():
    assert "Cache-Control" not in dict(headers.guarded("/static/bundle.js", []))


def test_only_our_own_paths_are_pages_and_a_file_asks_nobody_for_a_password():
    for path in ("/artifacts/1/ab", "/artifacts\ufffd/1/ab", "//artifacts/1/ab", "/else", "/Api/x"):
        found = dict(headers.guarded(path, [("Content-Type", "text/html")]))
        policy = found["Content-Security-Policy"]
        assert policy.startswith("sandbox; default-src 'none'") and "form-action 'none'" in policy
        assert found["Content-Disposition"] == "attachment"
    assert "Content-Disposition" not in dict(
        headers.guarded("/artifacts/1/ab", [("Content-Type", "image/png")])
    )

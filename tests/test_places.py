"""The places for sends: bounded in all, and one tenant never has all of them."""

from __future__ import annotations

from fivapp_whatsapp.places import Places


def test_one_tenant_leaves_the_last_places_to_others() -> None:
    places = Places(total=4, share=3)
    for _ in range(3):
        assert places.has_room("acme")
        places.take("acme")
    assert not places.has_room("acme")
    assert places.has_room("beta")
    assert (places.free, places.taken) == (1, {"acme": 3})


def test_there_are_no_more_places_than_there_are() -> None:
    places = Places(total=2, share=2)
    places.take("acme")
    places.take("beta")
    assert not places.has_room("gama")
    places.take("gama")  # what was claimed is made all the same
    assert places.free == 0


def test_it_is_crowded_once_somebody_may_have_to_wait() -> None:
    places = Places(total=3, share=2)
    places.take("acme")
    assert not places.crowded
    places.take("acme")
    assert places.crowded
    places.give_back("acme")
    for tenant_id in ("beta", "gama"):
        places.take(tenant_id)
    assert places.crowded


def test_a_place_that_was_held_or_given_back_is_free_again() -> None:
    places = Places(total=2, share=1)
    with places.held("acme"):
        assert not places.has_room("acme")
    places.take("acme")
    places.give_back("acme")
    assert (places.has_room("acme"), places.free, places.taken) == (True, 2, {})

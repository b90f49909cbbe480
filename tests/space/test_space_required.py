"""What the two shipped spaces promise."""

from nas import space


def test_tiny_has_twelve_small_families() -> None:
    tiny = space.load("tiny")
    assert len(tiny.families) >= 12
    assert (tiny.image_size, tiny.recipe.epochs, tiny.recipe.batch_size) == (32, 2, 32)


def test_moe4_has_forty_families_of_one_to_three_members() -> None:
    moe4 = space.load("moe4")
    assert len(moe4.families) >= 40
    assert moe4.image_size == 64
    assert moe4.experts is not None
    assert moe4.experts.k == 4
    assert all(1 <= len(members) <= 3 for members in moe4.experts.families.values())

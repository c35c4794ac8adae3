"""The tiny model's vocabulary, as open_clip's own tokenizer reads it."""

from pathlib import Path

import open_clip

from workers.tiny import train
from workers.tiny.language import vocabulary
from workers.tiny.merges import train_merges, write_merges

SHIPPED = Path(train.__file__).parent


def test_every_word_is_one_token() -> None:
    tokenizer = open_clip.get_tokenizer(
        f"local-dir:{SHIPPED}", bpe_path=str(SHIPPED / train.MERGES)
    )
    tokens = {word: tokenizer.encode(word) for word in vocabulary()}
    assert {word: ids for word, ids in tokens.items() if len(ids) != 1} == {}
    assert len({ids[0] for ids in tokens.values()}) == len(tokens)


def test_the_shipped_merges_are_those_of_the_vocabulary(tmp_path: Path) -> None:
    write_merges(train_merges(vocabulary()), tmp_path / train.MERGES)
    assert (tmp_path / train.MERGES).read_bytes() == (SHIPPED / train.MERGES).read_bytes()

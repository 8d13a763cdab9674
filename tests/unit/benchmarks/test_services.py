"""The services under test are started as the benchmarks say."""

from benchmarks.services import environment, of_processes
from encoder_service.settings import EncoderSettings
from search_service.settings import SearchSettings


def test_encoder_and_search_get_the_processes_that_are_measured() -> None:
    """By the variables that they read; afterwards it is for the cores to say again."""
    before = EncoderSettings().processes, SearchSettings().processes
    with environment(of_processes(4)):
        assert (EncoderSettings().processes, SearchSettings().processes) == (4, 4)
    assert (EncoderSettings().processes, SearchSettings().processes) == before

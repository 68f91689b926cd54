"""Key words of a text are no function words, in any language, and Korean ones have no particles."""

import pytest

from jaxdl.applications.summarization import summarize
from jaxdl.data import stop_words

OTHER_LANGUAGES = {
    "spanish": (
        "El perro de la casa duerme en el jardín y la gata come en la cocina. La casa de los abuelos es grande y el "
        "jardín de la casa tiene árboles. El perro y la gata juegan en el jardín.",
        {"jardín", "perro", "casa"},
    ),
    "polish": (
        "Stary młyn stoi nad rzeką i nie pracuje już od lat. Rzeka jest głęboka, a młyn jest z kamienia. Ludzie z "
        "miasta lubią młyn i rzekę.",
        {"młyn", "rzeka", "miasta"},
    ),
    "arabic": (
        "الكتاب على الطاولة في الغرفة. قرأ الطالب الكتاب في المكتبة، ثم عاد إلى الغرفة. هذا الكتاب من المكتبة.",
        {"الكتاب", "المكتبة", "الغرفة"},
    ),
}


@pytest.mark.parametrize("language", OTHER_LANGUAGES)
def test_key_words_of_other_languages_are_no_function_words(language):
    text, expected = OTHER_LANGUAGES[language]
    found = {part for word, _ in summarize(text, keywords=8).keywords for part in word.split()}
    assert not found & (stop_words.LANGUAGES[language])
    assert len(found & expected) >= 2


def test_korean_key_words_have_no_particles():
    text = "이 function 의 값을 계산한다. function 은 값을 하나 돌려준다. 값은 실수다."
    found = {part for word, _ in summarize(text, keywords=4).keywords for part in word.split()}
    assert {"function", "값"} <= found
    assert not found & {"의", "은", "값을", "값은"}

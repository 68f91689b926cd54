# ruff: noqa: RUF001 - letters of other alphabets are what this file is about
"""Key words of a text are no function words, in any language, and Korean ones have no particles."""

import pytest

from jaxdl.applications.summarization import summarize
from jaxdl.data import stop_words
from jaxdl.data.sentences import split_sentences
from jaxdl.data.words import words

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
    "swedish": (
        "Regeringen säger att priset på bensin ska stiga. Bilisterna säger att bensinen redan är mycket dyr och att "
        "priset på bensin är för högt.",
        {"priset", "bensin", "säger"},
    ),
    "czech": (
        "Vláda oznámila, že cena benzinu vzroste. Řidiči z města říkají, že cena benzinu je již velmi vysoká. Vláda "
        "doufá, že cena klesne.",
        {"vláda", "cena", "benzinu"},
    ),
    "greek": (
        "Η κυβέρνηση λέει ότι η τιμή της βενζίνης θα αυξηθεί. Οι οδηγοί της πόλης λένε ότι η τιμή της βενζίνης είναι "
        "πολύ υψηλή για την πόλη.",
        {"τιμή", "βενζίνης", "κυβέρνηση"},
    ),
    "hindi": (
        "सरकार ने कहा कि पेट्रोल की कीमत बढ़ेगी। चालक कहते हैं कि पेट्रोल की कीमत बहुत है। सरकार को उम्मीद है कि कीमत घटेगी।",
        {"सरकार", "पेट्रोल", "कीमत"},
    ),
}


@pytest.mark.parametrize("language", OTHER_LANGUAGES)
def test_key_words_of_other_languages_are_no_function_words(language):
    text, expected = OTHER_LANGUAGES[language]
    found = {part for word, _ in summarize(text, keywords=8).keywords for part in word.split()}
    assert not found & (stop_words.LANGUAGES[language])
    assert len(found & expected) >= 2


def test_vowels_that_unicode_counts_apart_stay_in_their_words():
    assert words("पेट्रोल की कीमत बढ़ेगी।", stop=()) == ["पेट्रोल", "की", "कीमत", "बढ़ेगी"]
    assert split_sentences("सरकार ने कहा। कीमत बढ़ेगी।") == ["सरकार ने कहा।", "कीमत बढ़ेगी।"]


def test_numbers_are_no_key_words():
    text = "In 2024 the harbor cost 3 million, in 2023 it cost 5 million. The harbor of 1874 cost 3,000 in 2024."
    found = {part for word, _ in summarize(text, keywords=9).keywords for part in word.split()}
    assert {"harbor", "cost", "million"} <= found
    assert not [word for word in found if word[0].isdigit()]


def test_forms_of_verbs_are_no_korean_key_words():
    text = "배송 진짜 빨라요!! 어제 시켰는데 오늘 왔음ㅋㅋ 색상은 사진이랑 같네요^^ 사이즈가 좀 작아요ㅠㅠ "
    text += "배송 만족합니다~"
    found = {part for word, _ in summarize(text, keywords=9).keywords for part in word.split()}
    assert {"배송", "사진", "사이즈", "색상"} <= found
    assert not found & {"빨라요", "시켰는데", "왔음", "같네요", "작아요", "만족합니다", "사진이랑", "진짜", "좀"}


def test_korean_key_words_have_no_particles():
    text = "이 function 의 값을 계산한다. function 은 값을 하나 돌려준다. 값은 실수다."
    found = {part for word, _ in summarize(text, keywords=4).keywords for part in word.split()}
    assert {"function", "값"} <= found
    assert not found & {"의", "은", "값을", "값은"}

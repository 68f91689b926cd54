# ruff: noqa: RUF001 - letters of other alphabets are what this file is about
"""Stop words: function words that say nothing about what a text is about, of many languages, chosen by the text."""

import re
import unicodedata

_ENGLISH = """
    a an the this that these those some any each every either neither both all another other such same own
    i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she her hers
    herself it its itself they them their theirs themselves one ones who whom whose which what whatever whoever
    and or but nor so yet if then else than because since as while although though unless until whereas whether
    of in on at by for with without within about against between among into onto through throughout during before
    after above below over under from to up down out off near toward towards upon across along behind beside beyond
    via per versus
    am is are was were be been being do does did doing done have has had having can could may might must shall should
    will would ought cannot
    not no never none only just also too very much many more most less least few little several enough quite rather
    almost even still already again ever often always sometimes usually once here there where when why how now
    thus hence therefore however moreover furthermore otherwise instead indeed perhaps maybe
    isn't aren't wasn't weren't don't doesn't didn't haven't hasn't hadn't can't couldn't won't wouldn't shouldn't
    i'm you're he's she's it's we're they're i've you've we've they've i'd you'd we'd they'd i'll you'll we'll
    they'll that's there's what's let's
"""

_KOREAN = """
    그 이 저 그것 이것 저것 것 수 등 및 더 또 또는 및 즉 곧 다시 매우 아주 너무 가장 모두 모든 각 각각 여러 다른 같은
    그리고 그러나 하지만 그런데 그래서 그러므로 따라서 또한 한편 게다가 다만 만약 만일 비록 물론 결국 특히 이미 아직
    나 너 저희 우리 그들 이들 그녀 누구 무엇 어디 언제 어떻게 왜 어떤 어느 이런 그런 저런 이러한 그러한 이렇게 그렇게
    때 때문 동안 후 뒤 전 중 위 위해 위한 대해 대한 통해 통한 따라 의해 의한 관해 관한 함께 바로 약 거의 조금 많이 잘
    안 못 좀 진짜 정말 그냥 제일 다만 그래도 그래
    있다 없다 하다 되다 이다 아니다 있는 없는 하는 되는 있고 없고 있어 있었다 없었다 있습니다 없습니다 않다 않는
    않았다 않습니다 것이다 것은 것을 것이 것도 수도 수는 수가
    은 는 가 을 를 의 에 와 과 도 로 으로 만 에서 에게 부터 까지 처럼 보다 이며 이고 이다 입니다 들 들의 들은
"""

ENGLISH = frozenset(_ENGLISH.split())
KOREAN = frozenset(_KOREAN.split())

_OTHERS = {
    "spanish": """
    de la el en y a los las un una unos unas que se del al con por para como su sus lo le les me te nos mi tu es son
    era fue ha han ser está están no sí más pero o u e si ya muy también este esta estos estas ese esa eso esto cuando
    donde quien cual cuales todo todos toda todas entre sobre sin hasta desde porque qué hay otro otra durante así""",
    "portuguese": """
    de da do das dos o a os as e em um uma uns umas que se na no nas nos com por para como seu sua seus suas ao aos à
    às é são era foi ser está não mais mas ou se já muito também este esta isto esse essa isso quando onde quem qual
    todo todos toda todas entre sobre sem até desde porque há pelo pela pelos pelas ele ela eles elas lhe""",
    "french": """
    de la le les des du un une et en à au aux que qui dans pour par sur avec ne pas plus se sa son ses ce cette ces il
    elle ils elles on nous vous je tu est sont était être a ont avoir mais ou où donc car si leur leurs y d l qu c s n
    comme tout tous toute toutes même aussi très sans entre jusque depuis après avant lors""",
    "german": """
    der die das den dem des ein eine einen einem einer eines und in zu mit von auf für ist sind war im am an als auch
    es er sie wir ihr ich du nicht sich bei nach aus um über wie so dass daß oder aber wenn werden wird wurde hat haben
    sein seine seiner durch zum zur vor noch nur kann man mehr diese dieser dieses bis unter""",
    "italian": """
    di e il la lo i gli le un una uno che in a da del della dei delle dello al alla ai alle con per non si su come è
    sono era essere ha hanno ma o se più anche questo questa questi queste quello quella quando dove chi cui nel nella
    nei nelle dal dalla sul sulla tra fra loro suo sua suoi sue ci ne molto tutto tutti""",
    "dutch": """
    de het een en van in is dat op te met voor zijn er niet aan om ook als bij naar uit maar dan door over ze hij zij
    wij je ik was had heeft hebben worden wordt werd nog wel geen zo kan tot meer die deze dit hun hem haar""",
    "polish": """
    i w na z do się że nie to jest o jak po co za od a ale tak ich jego jej już tylko przez przy dla ten ta te tym tego
    tej są był była było były być oraz lub czy który która które którzy jako może także między pod nad bez gdy bardzo
    ze we ku aby żeby ma mają został została zostały""",
    "russian": """
    и в на с что не он она они оно по как это из за от для к у но а же так все его её их был была было были быть или
    если бы то о об при до ещё уже только также который которая которые этот эта эти мы вы я ты со во чтобы когда где
    очень может над под без между""",
    "arabic": """
    في من على إلى عن أن إن كان كانت هذا هذه ذلك تلك التي الذي الذين ما لا لم لن قد كل بعد قبل مع أو ثم هو هي هم كما
    بين حيث عند عندما إذا لكن غير حتى منذ أي يكون تكون و كانوا لها له لهم به بها فيه فيها منها منه عليها عليه""",
    "turkish": """
    ve bir bu da de için ile çok daha olarak olan gibi en o ne var ya ki mi mı mu ise ama veya her kadar sonra önce
    göre ancak değil şu biz siz onlar ben sen""",
    "swedish": """
    och i att det som en på är av för med den till inte ett om men har de var jag han hon vi ni så kan när
    från vid efter
    också sig sin sitt sina eller under redan ska skulle mycket utan än där här vad hur alla mot över bara nu blir""",
    "danish": """
    og i at det som en på er af for med den til ikke et om men har de var jeg han hun vi så kan når fra ved efter også
    sig sin sit sine eller under allerede skal skulle meget uden end der her hvad hvor alle mod over kun nu bliver""",
    "norwegian": """
    og i å at det som en på er av for med den til ikke et om men har de var jeg han hun vi så kan når fra ved etter også
    seg sin sitt sine eller under allerede skal skulle mye uten enn der her hva hvor alle mot over bare nå blir""",
    "finnish": """
    ja on ei se että oli hän ne he me te mutta kun niin kuin tai joka jotka mitä myös vain jo vielä hyvin sen siitä
    tämä tämän nämä ovat olla olisi ole kanssa mukaan sekä jos koska ennen jälkeen""",
    "czech": """
    a v na se že je z s k do o i to za od po u ve ze si by jak jsou byl byla bylo byli být ale nebo jako již už jen také
    který která které kteří aby když podle při pro před tak ten ta toho této tento tato velmi mezi není jeho její jejich
    co kde""",
    "hungarian": """
    a az és hogy nem is egy van volt de meg már csak ez azt ezt mint vagy ha ki be el fel le még nagyon minden után
    alatt között szerint lesz lehet kell akkor amely aki ami ezek azok""",
    "romanian": """
    și în de la cu pe un o a al ale cel cea cei că nu se este sunt era au fost din pentru care mai ce sau dar ca lui ei
    său sa foarte acest această aceste acum după când între până prin va vor fi""",
    "greek": """
    ο η το οι τα του της των τον την τους τις και να σε με για από στο στη στην στον στα στις που πως ότι δεν θα είναι
    ήταν έχει έχουν ένα ένας μια μία αυτό αυτή αυτός αλλά ή αν όπως πολύ πιο ως κατά μετά πριν προς μας σας""",
    "ukrainian": """
    і й та в у на з із що не він вона вони воно як це до за від для по а але ж так все його її їх був була були було
    бути або якщо щоб про при вже ще тільки також який яка які цей ця ці ми ви я ти дуже може над під без між
    де коли""",
    "indonesian": """
    yang dan di ke dari untuk dengan pada ini itu adalah bahwa akan tidak atau juga oleh sebagai dalam telah sudah ada
    bisa dapat para karena saat mereka kami kita dia ia saya anda lebih sangat hanya masih setelah sebelum seperti""",
    "vietnamese": """
    và của là có cho không được trong một các những với này đó khi đã sẽ đang từ đến ở ra vào cũng như nhưng rất người
    tôi chúng họ ông bà thì mà để bị về theo trên sau trước""",
    "hindi": """
    का के की को में से है हैं था थे थी और कि यह वह ये वे पर ने भी नहीं तो ही एक जो कर हो गया लिए साथ या बहुत अपने इस उस
    इन उन तक होता होती कहा कुछ अब जब""",
}
LANGUAGES = {"english": ENGLISH, "korean": KOREAN, **{name: frozenset(text.split()) for name, text in _OTHERS.items()}}


def stop_words_of(text: str) -> frozenset[str]:
    """The English and Korean stop words, and those of the language that most of a text's words speak for.

    >>> sorted(stop_words_of("el perro y el gato de la casa") & {"el", "de", "the", "und"})
    ['de', 'el', 'the']
    """
    found = re.findall(r"[^\W\d_\s][^\s.,;:!?।()\[\]«»\"“”]*", unicodedata.normalize("NFC", text[:100_000]).lower())
    counts = {name: sum(word in stop for word in found) for name, stop in LANGUAGES.items()}
    language = max(counts, key=lambda name: counts[name])
    ours = ENGLISH | KOREAN
    return ours if counts[language] <= max(counts["english"], counts["korean"]) else ours | LANGUAGES[language]

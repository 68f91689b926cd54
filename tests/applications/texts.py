"""Two texts to summarize, in English and in Korean."""

HARBOR = """The harbor of Port Ellery was built in 1874 by Dr. James Whitlock, an engineer who had never seen the sea
before he came to the U.S. from Vienna. He measured the tides for two years. The tides at Port Ellery rise 3.14 meters
on average, and the harbor walls had to be higher than the highest tide.

"Nobody believed in the walls," the town's archivist says today. The first storm after the opening destroyed eleven
fishing boats, but the harbor walls held. Fishing brought money to the town... and the money brought a railway. By 1900
the harbor shipped more fish than any other harbor on the coast.

The railway closed in 1961. Fishing boats became fewer every year, e.g. only forty were left in 1980. The town turned
to visitors. Today, visitors walk on the harbor walls, buy smoked fish, and take the ferry to the islands. A small
museum shows Whitlock's drawings and his tables of the tides.

Last winter the sea rose higher than ever before. Engineers now measure the tides again, as Whitlock did, and the town
must decide whether to build higher harbor walls. Higher walls would cost 40 million dollars. Many visitors come for
the view over the old walls, the mayor says, and nobody wants to lose it. But without higher walls, the storms will
take the harbor.
"""
LIBRARY = """한강 옆의 작은 도서관이 올해 문을 연 지 30년이 되었다. 도서관은 1995년 주민들이 직접 모은 책 2,000권으로
시작했다. 처음에는 사서가 한 명뿐이었고, 난방도 되지 않았다고 한다. "겨울에는 장갑을 끼고 책을 읽었어요."
첫 사서였던 김 씨는 이렇게 말했다.

지금 도서관에는 책이 8만 권 있고, 하루에 400명이 넘는 주민이 도서관을 찾는다. 가장 인기 있는 곳은 어린이 책방이다.
어린이 책방에서는 매주 토요일마다 주민들이 아이들에게 책을 읽어 준다. 책을 읽어 주는 주민은 모두 자원봉사자다.

하지만 도서관의 앞날은 밝지만은 않다. 시는 예산이 3.5% 줄어서 도서관 운영 시간을 줄여야 한다고 발표했다. 주민들은
운영 시간을 지키기 위해 서명을 모으고 있다. 서명에는 벌써 주민 5,000명이 참여했다. 시는 다음 달에 도서관 예산을 다시
논의할 예정이다.
"""

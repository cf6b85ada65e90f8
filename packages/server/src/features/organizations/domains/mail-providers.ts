/**
 * Domains of mail providers at which everyone can have a mailbox: no organization owns its users. The list is kept by hand:
 * the providers with the most mailboxes, worldwide and by country. It need not be complete, because such a domain cannot be
 * proven without its provider; it saves people the attempt.
 */
// biome-ignore format: a list
const MAIL_PROVIDERS: ReadonlySet<string> = new Set([
  // Google, Microsoft, Yahoo, Apple, AOL
  'gmail.com', 'googlemail.com',
  'outlook.com', 'outlook.de', 'outlook.es', 'outlook.fr', 'outlook.it', 'outlook.jp', 'outlook.com.br', 'hotmail.com', 'hotmail.co.uk',
  'hotmail.de', 'hotmail.es', 'hotmail.fr', 'hotmail.it', 'live.com', 'live.co.uk', 'live.de', 'live.fr', 'live.it', 'live.nl', 'msn.com',
  'passport.com', 'windowslive.com',
  'yahoo.com', 'yahoo.co.uk', 'yahoo.co.jp', 'yahoo.co.in', 'yahoo.com.ar', 'yahoo.com.au', 'yahoo.com.br', 'yahoo.com.mx', 'yahoo.ca',
  'yahoo.de', 'yahoo.es', 'yahoo.fr', 'yahoo.in', 'yahoo.it', 'ymail.com', 'rocketmail.com',
  'icloud.com', 'me.com', 'mac.com', 'aol.com', 'aol.de', 'aim.com',
  // worldwide
  'proton.me', 'protonmail.com', 'protonmail.ch', 'pm.me', 'gmx.com', 'gmx.net', 'mail.com', 'email.com', 'usa.com', 'zoho.com',
  'zohomail.com', 'zohomail.eu', 'fastmail.com', 'fastmail.fm', 'hey.com', 'duck.com', 'tuta.com', 'tuta.io', 'tutanota.com', 'tutanota.de',
  'tutamail.com', 'mailfence.com', 'hushmail.com', 'runbox.com', 'inbox.com', 'inbox.lv', 'lycos.com', 'rediffmail.com', 'startmail.com',
  'disroot.org', 'riseup.net',
  // Germany, Austria, Switzerland
  'gmx.de', 'gmx.at', 'gmx.ch', 'web.de', 't-online.de', 'freenet.de', 'arcor.de', 'mailbox.org', 'posteo.de', 'posteo.net', 'online.de',
  'email.de', 'mail.de', 'vodafone.de', 'kabelmail.de', 'aon.at', 'a1.net', 'chello.at', 'bluewin.ch', 'hispeed.ch', 'sunrise.ch',
  // France, Belgium, the Netherlands, Luxembourg
  'orange.fr', 'wanadoo.fr', 'free.fr', 'sfr.fr', 'laposte.net', 'bbox.fr', 'neuf.fr', 'numericable.fr', 'skynet.be', 'telenet.be',
  'proximus.be', 'ziggo.nl', 'kpnmail.nl', 'planet.nl', 'xs4all.nl', 'home.nl', 'hetnet.nl', 'pt.lu',
  // Italy, Spain, Portugal, Greece
  'libero.it', 'virgilio.it', 'alice.it', 'tin.it', 'tiscali.it', 'fastwebnet.it', 'poste.it', 'telefonica.net', 'terra.es', 'sapo.pt',
  'otenet.gr', 'freemail.gr',
  // the British Isles, the Nordic and Baltic countries
  'btinternet.com', 'sky.com', 'talktalk.net', 'virginmedia.com', 'ntlworld.com', 'blueyonder.co.uk', 'eircom.net', 'telia.com', 'bredband.net',
  'online.no', 'mail.dk', 'luukku.com', 'suomi24.fi', 'hot.ee', 'mail.ee',
  // the middle and the east of Europe
  'wp.pl', 'o2.pl', 'onet.pl', 'op.pl', 'interia.pl', 'gazeta.pl', 'poczta.onet.pl', 'seznam.cz', 'email.cz', 'centrum.cz', 'post.cz', 'volny.cz',
  'azet.sk', 'centrum.sk', 'zoznam.sk', 'freemail.hu', 'citromail.hu', 'indamail.hu', 'abv.bg', 'mail.bg', 'yahoo.ro', 'net.hr',
  'mail.ru', 'bk.ru', 'inbox.ru', 'list.ru', 'internet.ru', 'yandex.ru', 'yandex.com', 'ya.ru', 'rambler.ru', 'lenta.ru', 'ukr.net', 'i.ua',
  'meta.ua', 'mail.kz', 'tut.by', 'mynet.com', 'walla.co.il', 'walla.com',
  // Asia and Oceania
  'qq.com', 'foxmail.com', '163.com', '126.com', 'yeah.net', 'vip.163.com', 'sina.com', 'sina.cn', 'sohu.com', 'aliyun.com', '139.com',
  '189.cn', 'wo.cn', '21cn.com', 'tom.com', 'naver.com', 'hanmail.net', 'daum.net', 'kakao.com', 'nate.com', 'docomo.ne.jp', 'ezweb.ne.jp',
  'softbank.ne.jp', 'i.softbank.jp', 'au.com', 'nifty.com', 'biglobe.ne.jp', 'excite.co.jp', 'goo.jp', 'pchome.com.tw', 'hinet.net',
  'bigpond.com', 'bigpond.net.au', 'optusnet.com.au', 'iinet.net.au', 'xtra.co.nz', 'sify.com', 'indiatimes.com',
  // the Americas
  'comcast.net', 'xfinity.com', 'verizon.net', 'att.net', 'sbcglobal.net', 'bellsouth.net', 'cox.net', 'charter.net', 'spectrum.net',
  'earthlink.net', 'juno.com', 'netzero.net', 'frontier.com', 'optonline.net', 'windstream.net', 'roadrunner.com', 'rr.com', 'rogers.com',
  'sympatico.ca', 'shaw.ca', 'telus.net', 'videotron.ca', 'uol.com.br', 'bol.com.br', 'terra.com.br', 'ig.com.br', 'globo.com', 'globomail.com',
  'prodigy.net.mx', 'fibertel.com.ar', 'arnet.com.ar',
  // Africa
  'mweb.co.za', 'webmail.co.za', 'telkomsa.net', 'vodamail.co.za',
])

/** @param domain in its canonical spelling */
export const isMailProvider = (domain: string): boolean => MAIL_PROVIDERS.has(domain)

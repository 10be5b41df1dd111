import type { Groups } from '../pattern.ts';
import type { Signature } from '../signature.ts';

export const markupGroups: Groups = {
  activetag:
    'script iframe frame frameset object embed applet base bgsound xml xss isindex svg math animate set handler foreignobject portal template noscript image layer ilayer xmp listing plaintext',
  tag: 'img body html input form button select option textarea keygen video audio source track details summary marquee meta link style table td tr th div span a p br b i u h1 title head center font area map picture li ul ol dl dt dd blink acronym address article custom main nav section dialog label fieldset x y q code pre sub sup strong em abbr header footer nobr var samp time data big small hr legend blockquote',
  event:
    'onabort onactivate onafterprint onafterscriptexecute onanimationcancel onanimationend onanimationiteration onanimationstart onauxclick onbeforeactivate onbeforecopy onbeforecut onbeforedeactivate onbeforeinput onbeforeprint onbeforescriptexecute onbeforetoggle onbeforeunload onbegin onblur onbounce oncancel oncanplay oncanplaythrough onchange onclick onclose oncontextmenu oncopy oncuechange oncut ondblclick ondrag ondragend ondragenter ondragexit ondragleave ondragover ondragstart ondrop ondurationchange onend onended onerror onfinish onfocus onfocusin onfocusout onformdata onfullscreenchange ongesturestart ongotpointercapture onhashchange oninput oninvalid onkeydown onkeypress onkeyup onload onloadeddata onloadedmetadata onloadend onloadstart onlostpointercapture onmessage onmousedown onmouseenter onmouseleave onmousemove onmouseout onmouseover onmouseup onmousewheel onmozfullscreenchange onpagehide onpageshow onpaste onpause onplay onplaying onpointercancel onpointerdown onpointerenter onpointerleave onpointermove onpointerout onpointerover onpointerrawupdate onpointerup onpopstate onprogress onpropertychange onratechange onreadystatechange onrepeat onreset onresize onscroll onscrollend onsearch onseeked onseeking onselect onselectionchange onselectstart onshow onstalled onstart onstorage onsubmit onsuspend ontimeupdate ontoggle ontouchcancel ontouchend ontouchmove ontouchstart ontransitioncancel ontransitionend ontransitionrun ontransitionstart onunhandledrejection onunload onvolumechange onwaiting onwebkitanimationend onwebkittransitionend onwheel onlayoutcomplete onlosecapture onhelp onfilterchange onerrorupdate ondeactivate ondataavailable ondatasetchanged oncellchange oncontrolselect onrowenter onrowexit onrowsdelete onrowsinserted onmove onmoveend onmovestart onmediaerror onmediacomplete ontrackchange onurlflip onsyncrestored onreverse onresume onoutofsync onrepeat onseek',
  jsfn: 'alert confirm prompt eval settimeout setinterval execscript importscripts fetch atob btoa expression open print write writeln function console',
};

const markup = (id: string, score: number, ...patterns: string[]): Signature => ({
  id: `xss.${id}`,
  class: 'cross_site_scripting',
  reference: 'CWE-79',
  score,
  patterns,
});

export const markupSignatures: readonly Signature[] = [
  markup(
    'active_element',
    5,
    '< /*2 %? @activetag',
    '</ script|iframe|style|title|textarea|svg|noscript|template|xmp|math|noembed|noframes',
  ),
  markup(
    'event_attribute',
    5,
    '< @tag|@activetag|@word ..24 @event =',
    '@q|@backtick|@start /*2 @event ~=',
    '@event = ..4 @jsfn ~(|@backtick',
    '@event = @q? ..4 @word ~(',
    '@event = @q? javascript',
  ),
  markup('event_name', 3, '@event ='),
  markup(
    'script_address',
    5,
    'javascript|vbscript|livescript : ..8 (|@backtick|=|/|%',
    'javascript|vbscript|livescript : @end',
    'data : text / html',
    'data : text / javascript',
    'data : image / svg',
    'data : ; ..1 base64',
    'mocha|livescript : @word',
    'java script : @word',
    '@q|= & ~{',
  ),
  markup(
    'attribute',
    5,
    '< @tag|@word ..24 href|src|action|formaction|data|xlink|background|dynsrc|lowsrc|poster|content = @q? javascript|vbscript|data|@word :',
    '< @tag|@word ..24 srcdoc|formaction|srcset =',
    '< style|link|meta|base|img|input|video|audio|form|body|table|source|a ..24 = @q? javascript|vbscript',
    '< img|input|video|audio|source|link|a ..3 src|href = @q?',
    '< meta ..4 http',
    '< style|link ..4 >|import|rel|type|href',
    '< form ..4 action|method|>',
    '< img @end|>|/|@q|@word',
    '< body|table|td|div ..6 background|style|onload =',
  ),
  markup('element', 2, '< @tag ..16 >', '</ @tag >'),
  markup(
    'code',
    5,
    'document ~. ~cookie|write|writeln|location|domain|body|getelementbyid|createelement|documentelement|referrer|url',
    'window|self|top|parent|frames|this|globalthis [ @q|(|@word|/',
    'window|self|top|parent ~. ~@jsfn|location|name|document (|=|.|[|@end',
    'string . fromcharcode',
    '@q1|;|}|> )*3 ;? -? @jsfn ~(|@backtick',
    '@jsfn @backtick',
    '@jsfn ~( @word|document|string|@num|@q|/ ..3 ) ;*1 <|/|}|@q|@eol|@backtick',
    '@start ..2 alert|confirm|prompt ~(',
    'eval|settimeout|setinterval|function|execscript ~( @q|@word|string|atob|name|location|unescape|alert|(',
    'constructor|map|foreach|find|some|call|apply|reduce ( @jsfn|@q|@backtick ) (|.',
    'expression ( @jsfn|@word|@q',
    'behavior|binding : url',
    'url ( @q? javascript|vbscript|data',
    'import @q|url ..4 @word',
    'innerhtml|outerhtml|location|src = @q|@jsfn|@word',
    '@q1 ) ; @jsfn|@word (',
    '[ ~] ..2 [ @q ..4 ] (',
    '@backtick|{|; throw ..6 ;|@jsfn|@num',
    'onerror = @jsfn|eval|alert',
    'import ( @q|/',
  ),
  markup(
    'code_call',
    3,
    'alert|confirm|prompt|eval|settimeout|setinterval|fetch|atob ~(',
    'xmlhttprequest|activexobject|fromcharcode',
  ),
  markup('conditional_comment', 5, '<! ~-- ..1 [ if', '<! ~-- ..6 < @activetag|img'),
];

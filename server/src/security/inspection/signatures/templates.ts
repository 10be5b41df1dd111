// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what is looked for
import type { Groups } from '../pattern.ts';
import type { Signature } from '../signature.ts';

// `{{deviceName}}` and `${name}` are ordinary in texts that are filled in; a calculation, a call or a reach into the language is not.

export const templateGroups: Groups = {
  templateopen: '{{ ${ #{ <%',
  operation: 'STAR + - /',
  reach:
    '__class__ __mro__ __globals__ __subclasses__ __init__ __builtins__ __base__ __bases__ __import__ __dict__ __getattribute__ __call__',
};

export const templateSignatures: readonly Signature[] = [
  {
    id: 'template.calculation',
    class: 'template_injection',
    reference: 'CWE-1336',
    score: 5,
    patterns: [
      '@templateopen =*1 %*1 (*3 @q? @num @q? @operation @q? @num',
      '@templateopen ..2 @q ~@num|@word ~@q STAR @num',
      'STAR { @num STAR @num }',
      '[ [ ..1 @num STAR @num ] ]',
      '{ @num STAR @num }',
      '@|TILDE|! ( @num STAR @num )',
      '{ % ..1 if|for|import|include|set|macro|extends|block|debug|load|print|with|raw',
      '{{ - ..1 @num',
      '{ php }',
      '{ @num @operation @num }',
      '# set ( $',
    ],
  },
  {
    id: 'template.reach',
    class: 'template_injection',
    reference: 'CWE-1336',
    score: 5,
    patterns: [
      '@reach',
      '@templateopen =*1 config|self|request|settings|application|_self|app|session|get_flashed_messages|url_for|lipsum|cycler|joiner|namespace|dump|constructor|this|global|process|class|system|exec|eval|require|phpinfo|range|url|debug|handler|server|env|applicationscope|sessionscope|requestscope|param|pagecontext .|}|(|[|PIPE|}',
      '@templateopen =*1 ..1 . constructor|getclass|forname|getruntime|invoke|env|execute|render|include',
      '@templateopen =*1 ..2 ~(',
      '@templateopen =*1 @q ..3 . getclass|constructor|join|format|class|concat|zip',
      '@templateopen ..4 [ @q',
      '@templateopen =*1 file|dir|io|open|system|process|global|t|new|java|freemarker|import|foobar|exec|@backtick|%|self .|(|@q|x|@word',
      't ( java',
      'freemarker . template',
      'utility . execute',

      'sources . spring|org|class',
      '< # assign|include|if|list',
      'constructor . constructor (',
      '{ $ smarty|_smarty_tpl|fnname|@word . version|now|template|@word|get|server|env',
      '{{ constructor|tostring|$ ..2 .|(',
      '{ { ..2 constructor',
      '$ ~{ ~{',
      '${ ~{',
    ],
  },
  {
    id: 'jndi.lookup',
    class: 'jndi_injection',
    reference: 'CWE-917',
    score: 5,
    patterns: [
      '${ ..3 jndi|ldap|ldaps|rmi|dns|iiop|corba|nds|nis : ..1 @word|ldap|ldaps|rmi|dns|/|://|iiop|$|${',
      'jndi : ldap|ldaps|rmi|dns|iiop|corba|nds|nis|http|$|${',
      '${ ~lower|upper|env|sys|date|ctx|main|java|base64|bundle|k8s|docker|event|web|spring|log4j|marker|map|sd|jvmrunargs :',
      '${ ..1 : ~-|:',
      '${ ~:: ~-',
      '${ ~: ~: ~-',
      '${ ~:: ~- ~@word ~}',
    ],
  },
];

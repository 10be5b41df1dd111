import type { Groups } from '../pattern.ts';
import type { Signature } from '../signature.ts';

// Devices and their updates stand in private networks, so an address there is nothing to report. Where a cloud tells its machines their
// secrets, and schemes that only a confused server would follow, are.

export const addressGroups: Groups = {
  scheme: 'http https ftp ftps ws wss gopher dict ldap ldaps tftp sftp jar file netdoc',
};

export const addressSignatures: readonly Signature[] = [
  {
    id: 'ssrf.metadata',
    class: 'request_forgery',
    reference: 'CWE-918',
    score: 5,
    patterns: [
      '@scheme :// ..8 169.254 . 169.254|170.2|170.3',
      '@scheme :// ..8 100.100 . 100.200',
      '@scheme :// 192.0 . 0.192',
      'latest / meta - data',
      'latest / user - data|api|dynamic',
      'metadata . google|azure|packet|tencentyun|platformequinix|goog',
      'computemetadata / v1',
      'meta - data / iam',
      'instance - data . ec2',
      'opc / v1|v2 / instance',
      'metadata / instance|v1|identity',
      'metadata - flavor',
    ],
  },
  {
    id: 'ssrf.scheme',
    class: 'request_forgery',
    reference: 'CWE-918',
    score: 5,
    patterns: [
      'gopher|dict|ldap|ldaps|tftp|netdoc|sftp|rmi|jar ://',
      'gopher|dict|netdoc|jar : /*2 @word|http|localhost|@num',
    ],
  },
  {
    id: 'ssrf.disguised_host',
    class: 'request_forgery',
    reference: 'CWE-918',
    score: 5,
    patterns: [
      '@scheme :// /*2 @num :|/|@end|QM|#',
      '@scheme :// [ :: ..8 ]',
      '@scheme :// [ 0 : 0',
      '@scheme :// ..6 @ ~localhost|@num|[|169',
      '@scheme :// ..8 nip|xip|sslip . io',
      '@scheme :// ..8 localtest|lvh|vcap|lacolhost|yoogle|readme . me|com',
      '@scheme :// ..8 burpcollaborator|oastify|interact|requestbin|dnslog|ngrok|canarytokens|oast|webhook . net|com|sh|cn|io|site|fun|me|pro|live|org|online',
      '@scheme :// ..8 # ~@',
      '@scheme : \\ \\',
      '@scheme :// ~\\',
      '@scheme :// ~/',
    ],
  },
  {
    id: 'ssrf.loopback',
    class: 'request_forgery',
    reference: 'CWE-918',
    score: 3,
    patterns: [
      '@scheme :// ..4 localhost|localhost6',
      '@scheme :// ..4 127.0|0.0|127 . 0.1|0.0|1',
      '169.254 . 169.254',
    ],
  },
];

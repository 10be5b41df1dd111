import type { Groups } from '../pattern.ts';
import type { Signature } from '../signature.ts';

export const fileGroups: Groups = {
  slash: '/ \\ ../ ..\\',
  up: '../ ..\\',
  secretfile:
    'passwd shadow group hosts hostname issue fstab motd profile crontab sudoers services inetd resolv mtab httpd apache apache2 nginx php mysql my ssh ssl master pam environment network sysconfig syslog redhat release security at aliases exports gshadow opasswd vsftpd proftpd pure ftpusers rsyncd samba openldap logrotate printcap termcap timezone bashrc init modules lsb debian lighttpd webmin',
};

const files = (id: string, score: number, ...patterns: string[]): Signature => ({
  id: `path.${id}`,
  class: 'path_traversal',
  reference: 'CWE-22',
  score,
  patterns,
});

export const fileSignatures: readonly Signature[] = [
  files(
    'up',
    5,
    '@up ~@up',
    '@up ~/*3 ~\\*3 ~@up',
    '@up ~@word|etc|windows|winnt|boot|bin|usr|var|proc|web ..1 ~@up',
    '@up etc|proc|windows|winnt|boot|usr|var|root|home|bin|web|autoexec|inetpub|conf|admin|config|localstart',
    '@start|@slash ~. ~. ~;*2 ~%*1 @slash ~. ~.',
    '. ~. ~.*2 ~@slash ~/*3 ~\\*3 ~. ~. ~.*2 ~@slash',
    '. ~/*3 ~\\*3 ~@up ~. ~/*3 ~\\*3',
    '\\ ~. ~. @end',
    '. ~. ~[|]|;|:|% ~/*3 ~. ~.',
    '@up ~@word ~. ~@word ~%',
  ),
  files('up_once', 2, '@up'),
  files(
    'system_file',
    5,
    '@start|=|@q|:|,|;|(|/|\\|@num|@slash /*4 \\*4 etc @slash ~/*4 ~\\*4 ~@secretfile',
    '@start|=|@q|/|\\|@slash|:|,|; /*4 proc @slash ~self|version|cmdline|cpuinfo|meminfo|mounts|net|@num|sched_debug|modules|filesystems|partitions|devices|ioports|stat|interrupts|swaps',
    '@slash boot|win|system|php|desktop|autoexec|web|my ~. ~ini|config|bat|sys @end|%|@mark|@eol|;',
    '@start|@q|=|/|@slash c|d|\\ ~:? @slash ~/*3 ~\\*3 boot|windows|winnt|winnt32|inetpub|autoexec|users|documents|program|xampp|apache|config|system32|php|wamp',
    'boot|win ~. ~ini @end|%|@mark|;',
    'c : @slash ~/*3 ~\\*3 boot|windows|winnt|inetpub|autoexec',
    '@slash windows|winnt @slash ~/*3 ~\\*3 system32|win|system|repair|php|debug|panther',
    'cmd ~. ~exe',
    '@start|@slash|@q|= web ~- ~inf @slash',
    '@start|@slash|@q|= meta ~- ~inf @slash',
    '@slash|@q|@start|= ~. ~ssh|git|svn|hg|aws|docker|kube|env|htaccess|htpasswd|bash_history|mysql_history|npmrc|netrc|history|rhosts|subversion|bzr @slash|@end|%|:|.',
    '@slash|@start id_rsa|id_dsa|authorized_keys|known_hosts',
    '@start|@q|= @slash root|home|var|usr|opt|tmp|dev|bin|sbin @slash ..8 passwd|bash_history|htpasswd|null|shadow|cnf|bashrc|id_rsa|access_log|error_log|lastlog|utmp|wtmp|spool|apache|apache2|httpd|nginx|access|error',
  ),
  files('system_file_named', 3, '/ etc / @secretfile', '/ proc / self|cmdline', 'system32', 'etc passwd|shadow'),
  files(
    'wrapper',
    5,
    'php|zip|phar|expect|glob|ogg|rar|ssh2|zlib|bzip2 ://',
    'file :|:// /*3 @slash|@word|etc|c|boot',
    'php : /*2 filter|input',
    'data : ,|;',
    'jar|netdoc : http|file|ftp|://',
  ),
  files('stream', 4, ': ~: ~$ ~data', ':: ~$ ~data'),
];

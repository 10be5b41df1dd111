import type { Groups } from '../pattern.ts';
import type { Signature } from '../signature.ts';

export const scannerGroups: Groups = {
  scanner:
    'sqlmap nikto nmap masscan zgrab nuclei gobuster dirbuster dirb feroxbuster wpscan acunetix nessus openvas w3af arachni havij wfuzz whatweb jaeles xsser commix skipfish wapiti joomscan burpcollaborator netsparker qualys fimap grabber vega zmeu morfeus sqlninja brutus hydra patator medusa jorgee dotdotpwn sqlbrute absinthe bsqlbf webinspect paros zap zaproxy owasp nsauditor metis bilbo grendel pangolin webshag uniscan golismero muieblackcat',
};

export const scannerSignatures: readonly Signature[] = [
  {
    id: 'scanner.named',
    class: 'scanner',
    reference: 'T1595.002',
    score: 5,
    in: 'user-agent',
    patterns: ['@scanner', 'fuzz faster u fool', 'burp suite', 'nmap scripting engine', 'mozilla / @num . @num sf /'],
  },
  {
    id: 'scanner.path',
    class: 'scanner',
    reference: 'T1595.003',
    score: 3,
    in: 'path',
    patterns: [
      '/ wp|wordpress|phpmyadmin|pma|myadmin|cgi|xmlrpc|joomla|drupal|owa|actuator|solr|jenkins|manager|boaform|hnap1|sdk|setup|vendor|console|invoker|struts|autodiscover|ecp|_ignition|telescope',
      '. php|asp|aspx|jsp|cgi|cfm|do|action|bak|old|sql|swp|pl',
      '/ ~. ~env|git|svn|hg|aws|htaccess|htpasswd|vscode|ds_store',
    ],
  },
];

import type { Groups } from '../pattern.ts';
import type { Signature } from '../signature.ts';

// Queries that are documents, and keys that reach into an object.

export const documentGroups: Groups = {
  operator:
    'ne eq gt gte lt lte in nin regex where exists or and nor not expr function accumulator elemmatch size all mod type jsonschema text search lookup merge out set unset inc push',
};

export const documentSignatures: readonly Signature[] = [
  {
    id: 'nosql.operator_key',
    class: 'nosql_injection',
    reference: 'CWE-943',
    score: 5,
    in: 'key',
    patterns: ['@start $ ~@operator @end'],
  },
  {
    id: 'nosql.operator',
    class: 'nosql_injection',
    reference: 'CWE-943',
    score: 5,
    patterns: [
      '[ @q? $ ~@operator @q? ]',
      '{ @q? $ ~@operator @q? :',
      '{ @q? @word @q? : { @q? $ ~@operator',
      '@q1 , ..1 $ ~@operator @q? :',
      '@q ~$ ~where ~@q',
      '$ ~where @q? :',
    ],
  },
  {
    id: 'nosql.javascript',
    class: 'nosql_injection',
    reference: 'CWE-943',
    score: 5,
    patterns: [
      '@q1 )*2 ; ..1 return true|@q|@num|(|this',
      '@q1 )*2 OR2|&& this .',
      '@q1 )*2 OR2|&& (*2 @num == @num',
      '@q1 )*2 OR2|&& @q @word|@num ~@q ==',
      'db . @word . find|insert|drop|remove|update|aggregate|mapreduce|count|distinct (',
      'db . getcollection|dropdatabase|injection|version|getname|loadserverscripts',
      'this . @word|password . match|length|test|charat',
      'this . @word|password == @q',
      'emit ( ..4 this',
      '@q1 ; ..2 var @word =',
    ],
  },
  {
    id: 'nosql.prose',
    class: 'nosql_injection',
    reference: 'CWE-943',
    score: 3,
    patterns: ['return ( true )', '$ ~@operator ..2 :', 'this . password'],
  },
  {
    id: 'pollution.prototype',
    class: 'prototype_pollution',
    reference: 'CWE-1321',
    score: 5,
    patterns: [
      '__proto__',
      'constructor @q? ]|. ..2 prototype',
      'constructor @q? : ..3 prototype',
      'constructor [ @q? prototype',
      '__definegetter__|__definesetter__|__lookupgetter__',
    ],
  },
  {
    id: 'pollution.prototype_key',
    class: 'prototype_pollution',
    reference: 'CWE-1321',
    score: 5,
    in: 'key',
    patterns: ['@start constructor|prototype @end'],
  },
  {
    id: 'xml.entity',
    class: 'xml_injection',
    reference: 'CWE-611',
    score: 5,
    patterns: ['<! entity', '<! doctype ..10 [|system|public', '<! ~[ cdata', 'xi|xinclude : include'],
  },
  {
    id: 'xml.path',
    class: 'xml_injection',
    reference: 'CWE-643',
    score: 5,
    patterns: [
      '@q1 ]*2 or|and ..1 (*2 @word|name|count|string|substring ~( ..6 =',
      'count|name|string|substring ( / ..3 child|parent|text|node|descendant :',
      'count|name|text|position|node ( ) = @q|@num',
      '@q1 ]*2 PIPE / ..1 STAR',
      'PIPE|] /*2 STAR',
      'STAR ( PIPE|&|! ( @word =',
      ') ( PIPE|&|! ( @word|uid|cn =',
      'STAR ) ( @word|uid|cn|mail|objectclass =',
    ],
  },
];

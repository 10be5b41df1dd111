import { answerWith } from '../thread-answers.ts';
import { lookAt } from './entry-files.ts';

answerWith(lookAt);

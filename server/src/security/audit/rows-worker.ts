import { answerWith } from '../../lib/thread-answers.ts';
import { lookAtRows } from './look-at-rows.ts';

answerWith(lookAtRows);

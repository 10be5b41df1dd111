import { escapeHtml, htmlPage, htmlParagraph } from '../../platform/mail/mail-html.ts';
import type { Mail } from '../../platform/mail/mailer.ts';

/** What people are told about their own account (ASVS 6.3.5, 6.3.7), and the links they asked for. */
export type AccountMail =
  | { readonly kind: 'invitation'; readonly organisation: string; readonly url: string; readonly expiresAt: string }
  | { readonly kind: 'password_reset'; readonly url: string; readonly expiresAt: string }
  | { readonly kind: 'password_changed' }
  | { readonly kind: 'factor_added'; readonly factor: string }
  | { readonly kind: 'factor_removed'; readonly factor: string }
  | { readonly kind: 'factors_reset' }
  | { readonly kind: 'recovery_codes_renewed' }
  | { readonly kind: 'recovery_code_used'; readonly left: number; readonly from: string }
  | { readonly kind: 'new_sign_in'; readonly from: string; readonly client: string }
  | { readonly kind: 'second_factor_failed'; readonly from: string }
  | { readonly kind: 'account_guessed'; readonly from: string; readonly attempts: number }
  | { readonly kind: 'api_key_ending'; readonly label: string; readonly owner: string; readonly expiresAt: string };

interface Words {
  readonly subject: string;
  readonly lines: readonly string[];
  readonly link?: { readonly url: string; readonly text: string };
}

const ifNotYou = 'If this was not you, change your password and tell an administrator.';

function wordsOf(mail: AccountMail): Words {
  switch (mail.kind) {
    case 'invitation':
      return {
        subject: `You are invited to ${mail.organisation}`,
        lines: [
          `${mail.organisation} has made an account for you at Valtronics.`,
          `The link is good once, until ${mail.expiresAt}.`,
        ],
        link: { url: mail.url, text: 'Open the account' },
      };
    case 'password_reset':
      return {
        subject: 'Choose a new password',
        lines: [
          'Somebody, hopefully you, asked for a new password.',
          `The link is good once, until ${mail.expiresAt}. Your second factor stays as it is.`,
          'If it was not you, there is nothing to do: without the link nothing changes.',
        ],
        link: { url: mail.url, text: 'Choose a new password' },
      };
    case 'password_changed':
      return { subject: 'Your password was changed', lines: ['Your other sessions have ended.', ifNotYou] };
    case 'factor_added':
      return { subject: 'A second factor was added', lines: [`Added to your account: ${mail.factor}.`, ifNotYou] };
    case 'factor_removed':
      return {
        subject: 'A second factor was removed',
        lines: [`Removed from your account: ${mail.factor}.`, ifNotYou],
      };
    case 'factors_reset':
      return {
        subject: 'Your second factors were removed',
        lines: [
          'An administrator removed all your second factors and ended your sessions.',
          'Where your role needs one, you will be asked to set up a new one when you sign in.',
          'If you did not ask for this, tell an administrator at once.',
        ],
      };
    case 'recovery_codes_renewed':
      return { subject: 'You have new recovery codes', lines: ['The older ones are no longer good.', ifNotYou] };
    case 'recovery_code_used':
      return {
        subject: 'A recovery code was used',
        lines: [`Somebody signed in with one from ${mail.from}. You have ${mail.left} left.`, ifNotYou],
      };
    case 'new_sign_in':
      return {
        subject: 'A new device signed in',
        lines: [`Your account was used from ${mail.from} with ${mail.client}, for the first time.`, ifNotYou],
      };
    case 'second_factor_failed':
      return {
        subject: 'Somebody knows your password',
        lines: [
          `Your right password was given from ${mail.from}, and then a wrong second factor.`,
          'If this was not you, change your password now: nobody got in.',
        ],
      };
    case 'account_guessed':
      return {
        subject: 'Your password was right after many that were not',
        lines: [
          `After ${mail.attempts} wrong passwords in a row, the right one was given from ${mail.from}.`,
          ifNotYou,
        ],
      };
    case 'api_key_ending':
      return {
        subject: 'An API key ends soon',
        lines: [
          `“${mail.label}”, which you made for ${mail.owner}, is good until ${mail.expiresAt}.`,
          'Make another one, give it to the program that uses it, and then revoke the old one: both are good meanwhile.',
        ],
      };
  }
}

export function accountMessage(mail: AccountMail): Omit<Mail, 'to'> {
  const { subject, lines, link } = wordsOf(mail);
  const after = link === undefined ? [] : [link.url];
  return {
    subject: `Valtronics: ${subject}`,
    text: `${[subject, ...lines, ...after].join('\n\n')}\n`,
    html: htmlPage(
      `<h1>${escapeHtml(subject)}</h1>${lines.map(htmlParagraph).join('')}` +
        (link === undefined ? '' : `<p><a href="${escapeHtml(link.url)}">${escapeHtml(link.text)}</a></p>`),
    ),
  };
}

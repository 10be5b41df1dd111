import nodemailer from 'nodemailer';
import type { Secret } from '../config/secret.ts';
import { smtpOptions } from './smtp-options.ts';

export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export interface Mailer {
  /** Whether a mail server was named. Without one, `send` fails with a MailError that says so. */
  readonly configured: boolean;
  /** Resolves when the mail server has taken the message over. */
  send(mail: Mail): Promise<void>;
}

export interface MailerOptions {
  readonly smtpUrl: Secret | undefined;
  /** The sender is `valtronics@` its host, unless the user name at the mail server is an address. */
  readonly publicUrl: URL;
  readonly timeoutMs?: number;
}

/** The message may be shown to whoever configured the address; it holds no credential. */
export class MailError extends Error {
  override readonly name = 'MailError';
}

const TIMEOUT_MS = 10_000;
const MAX_SUBJECT_LENGTH = 200;
const MAX_BODY_LENGTH = 100_000;
// Narrower than RFC 5322: no quotes, comments, groups or lists, so that what is meant as one recipient can only be one.
const ADDRESS = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}$/;

export const isMailAddress = (text: string): boolean => text.length <= 254 && ADDRESS.test(text);

export function createMailer(options: MailerOptions): Mailer {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const { smtpUrl } = options;
  const serverNow = smtpUrl === undefined ? undefined : currentMailServer(smtpUrl, timeoutMs);
  const fromHost = options.publicUrl.hostname.replace(/^\[|\]$/g, '');

  return {
    configured: serverNow !== undefined,

    async send(mail) {
      if (serverNow === undefined) throw new MailError('no mail server is configured (VALTRONICS_SMTP_URL)');
      if (!isMailAddress(mail.to)) throw new MailError('the recipient is not an email address');
      const server = serverNow();
      const from = isMailAddress(server.user) ? server.user : `valtronics@${fromHost}`;
      const sending = server.transport.sendMail({
        // As objects, so that no address is parsed out of a text.
        from: { name: 'Valtronics', address: from },
        to: { name: '', address: mail.to },
        subject: headerText(mail.subject),
        text: mail.text.slice(0, MAX_BODY_LENGTH),
        html: mail.html.slice(0, MAX_BODY_LENGTH),
        headers: { 'Auto-Submitted': 'auto-generated' },
        disableFileAccess: true,
        disableUrlAccess: true,
      });
      // The timeouts of the transport are per step; this one is for all of it. A message that arrives after it may arrive twice.
      const { promise: late, reject } = Promise.withResolvers<never>();
      const timer = setTimeout(() => reject(new MailError('the mail server did not answer in time')), timeoutMs);
      try {
        await Promise.race([sending, late]);
      } catch (error) {
        sending.catch(() => undefined);
        throw error instanceof MailError ? error : new MailError(explain(error), { cause: error });
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** The password may be replaced while the server runs. */
function currentMailServer(smtpUrl: Secret, timeoutMs: number) {
  let known = mailServer(smtpUrl, timeoutMs);
  return () => {
    if (known.url !== smtpUrl.reveal()) known = mailServer(smtpUrl, timeoutMs);
    return known;
  };
}

function mailServer(smtpUrl: Secret, timeoutMs: number) {
  const options = smtpOptions(smtpUrl, timeoutMs);
  return { url: smtpUrl.reveal(), transport: nodemailer.createTransport(options), user: options.auth?.user ?? '' };
}

/** A header ends at its line; nothing from outside may begin another. */
function headerText(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
    .slice(0, MAX_SUBJECT_LENGTH);
}

function explain(error: unknown): string {
  if (error instanceof Error && 'responseCode' in error && typeof error.responseCode === 'number')
    return `the mail server refused the message (${error.responseCode})`;
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'no answer';
  return `the mail server cannot be reached (${code.slice(0, 60)})`;
}

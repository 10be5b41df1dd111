import { z } from 'zod';
import { email, idParams, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { field } from './fields.ts';
import { needs, open, records, signedIn, unaudited } from './policy.ts';
import { opaqueToken, password, unseenPassword } from './secrets.ts';

export const passwordChange = endpoint({
  method: 'POST',
  path: '/auth/password',
  summary: 'Change my password; ends my other sessions',
  body: z.strictObject({ currentPassword: password, newPassword: password }),
  response: 'empty',
  status: 204,
  inspection: [
    { ...unseenPassword, field: 'body.currentPassword' },
    { ...unseenPassword, field: 'body.newPassword' },
  ],
  access: signedIn({ evenPending: true }),
  rate: 'login',
  audit: records('user.password_changed'),
});

export const passwordForgot = endpoint({
  method: 'POST',
  path: '/auth/password/forgot',
  summary: 'Mail a link to choose a new password; the answer is the same for every address',
  body: z.strictObject({ email }),
  response: 'empty',
  status: 202,
  access: open('whoever forgot the password cannot sign in'),
  rate: 'login',
  audit: records('user.password_reset_requested'),
});

export const passwordReset = endpoint({
  method: 'POST',
  path: '/auth/password/reset',
  summary: 'Choose a new password with the link, which is good once; signs nobody in and removes no factor',
  body: z.strictObject({ token: opaqueToken, newPassword: password }),
  response: 'empty',
  status: 204,
  inspection: [{ ...unseenPassword, field: 'body.newPassword' }],
  access: open('the token in the body is the credential'),
  rate: 'login',
  audit: records('user.password_changed'),
});

export const passwordResetInspect = endpoint({
  method: 'POST',
  path: '/auth/password/reset/inspect',
  summary: 'Whose password a link resets',
  body: z.strictObject({ token: opaqueToken }),
  response: z.strictObject({ email: field('users.email', z.string(), { shown: 'own' }), expiresAt: timestamp }),
  access: open('the token in the body is the credential'),
  rate: 'login',
  audit: unaudited('nothing changes until a password is chosen'),
});

/** The administrator starts it and never learns nor chooses the password (ASVS 6.4.6). */
export const userPasswordReset = endpoint({
  method: 'POST',
  path: '/users/{id}/password-reset',
  summary: 'A single-use link with which the person chooses a new password; mailed where it can be',
  params: idParams,
  body: z.strictObject({}),
  response: z.strictObject({
    url: z.string().nullable().describe('to be handed over where it cannot be mailed; else only the mail holds it'),
    expiresAt: timestamp,
    mailed: z.boolean(),
  }),
  access: needs('user:manage', { stepUp: true }),
  rate: 'api',
  audit: records('user.password_reset_requested'),
});

/**
 * Words that anybody who attacks this product, or a place that uses it, tries first (ASVS 6.1.2, 6.2.11). They are documented in
 * docs/passwords.md. To these come, for each installation, the host name people open it under, and for each person the name of their
 * organisation, their own name and their address.
 */
export const contextWords: readonly string[] = [
  // The product and what it is about.
  'valtronics',
  'telemetry',
  'telemetrie',
  'monitoring',
  'dashboard',
  'device',
  'sensor',
  'gateway',
  'alarm',
  'alert',
  // What people are here.
  'administrator',
  'admin',
  'operator',
  'analyst',
  'user',
  // Where it is used.
  'hospital',
  'clinic',
  'ward',
  'patient',
  'resident',
  'nurse',
  'doctor',
];

/** The environment for a program of ours that we start: what ours says, and these values where it says nothing. */
export const childEnvironment = (defaults: Readonly<Record<string, string>>): NodeJS.ProcessEnv => ({
  ...defaults,
  ...process.env,
});

/** A setting that stops the start. Its message is one line: the setting, what is wrong, the remedy. It never holds a secret's value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly setting: string;

  constructor(setting: string, problem: string, remedy: string) {
    super(`${setting} ${problem}: ${remedy}`.replaceAll(/\p{Cc}+/gu, ' '));
    this.setting = setting;
  }
}

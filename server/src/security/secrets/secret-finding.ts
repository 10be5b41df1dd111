export interface SecretFinding {
  readonly kind: 'folder_open' | 'file_open' | 'file_owner' | 'guessable' | 'reused' | 'in_environment';
  /** The file, or the names of the settings. Never a value. */
  readonly where: string;
  readonly problem: string;
  readonly remedy: string;
}

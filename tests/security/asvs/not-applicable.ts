export const notApplicable: Readonly<Record<string, string>> = {};

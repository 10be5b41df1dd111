/** A device makes its key, which never leaves it, and trades its claim for a certificate. */
export const enrolExample = (origin: string) =>
  [
    'openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \\',
    "  -keyout device.key -out device.csr -subj '/CN=device'",
    '',
    `jq -n --arg claimToken "$CLAIM" --rawfile csr device.csr '{$claimToken, $csr}' |`,
    '  curl -sS --fail-with-body --cacert ca.pem \\',
    `    ${origin}/api/v1/device-provisioning/enrol \\`,
    "    -H 'Content-Type: application/json' --data @- > identity.json",
  ].join('\n');

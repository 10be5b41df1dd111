interface Place {
  readonly deviceId: string;
  readonly token: string;
  readonly origin: string;
}

const mqttPort = 8883;

export const curlExample = ({ token, origin }: Place) =>
  [
    `curl --cacert ca.pem ${origin}/api/v1/telemetry \\`,
    `  -H 'Authorization: Bearer ${token}' \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d '{"points":[{"metric":"temperature","value":21.5,"unit":"°C"}]}'`,
  ].join('\n');

export const mosquittoExample = ({ deviceId, token, origin }: Place) =>
  [
    `mosquitto_pub --cafile ca.pem -h ${new URL(origin).hostname} -p ${mqttPort} -q 1 \\`,
    `  -u ${deviceId} -P '${token}' \\`,
    `  -t valtronics/devices/${deviceId}/telemetry \\`,
    `  -m '{"metric":"temperature","value":21.5,"unit":"°C"}'`,
  ].join('\n');

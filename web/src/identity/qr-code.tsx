import { Skeleton } from '@mantine/core';
import { useEffect, useState } from 'react';
import classes from './identity.module.css';

/** Modules of white around the code, without which cameras do not find it (ISO/IEC 18004 asks for four). */
const quiet = 4;

interface Drawing {
  readonly size: number;
  readonly path: string;
}

async function draw(text: string): Promise<Drawing> {
  const { create } = await import('qrcode');
  const { size, data } = create(text, { errorCorrectionLevel: 'M' }).modules;
  const dark = Array.from(data).flatMap((bit, at) => (bit ? [`M${at % size} ${Math.floor(at / size)}h1v1h-1z`] : []));
  return { size, path: dark.join('') };
}

/** Dark on white whatever the theme: not every camera reads it the other way round. */
export function QrCode({ text, label }: { text: string; label: string }) {
  const [drawing, setDrawing] = useState<Drawing | null>(null);
  useEffect(() => {
    let wanted = true;
    void draw(text).then((made) => {
      if (wanted) setDrawing(made);
    });
    return () => {
      wanted = false;
    };
  }, [text]);
  if (!drawing) return <Skeleton className={classes.qr ?? ''} />;
  const { size, path } = drawing;
  return (
    <svg
      className={classes.qr}
      role="img"
      aria-label={label}
      viewBox={`${-quiet} ${-quiet} ${size + 2 * quiet} ${size + 2 * quiet}`}
      shapeRendering="crispEdges"
    >
      <path d={path} fill="#000" />
    </svg>
  );
}

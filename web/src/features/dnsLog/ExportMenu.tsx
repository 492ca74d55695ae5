/** Hands out everything that the filter finds, written by the server as it reads. */

import { Menu } from '@base-ui/react/menu'
import { Download } from 'lucide-react'
import type { ReactNode } from 'react'
import { Button } from '../../components/ui/Button.tsx'
import { exportUrl } from '../../lib/dns/logPage.ts'
import { t } from '../../lib/i18n.ts'

const FORMATS = ['csv', 'ndjson'] as const

/** Starts the download that a press on the entry would. */
export function exportLog(filter: string, format: (typeof FORMATS)[number]): void {
  const link = document.createElement('a')
  link.href = exportUrl(filter, format)
  link.download = `dns-log.${format}`
  link.click()
}

export function ExportMenu({ filter }: { readonly filter: string }): ReactNode {
  return (
    <Menu.Root>
      <Menu.Trigger
        data-testid="log-export"
        render={<Button icon={<Download size={14} aria-hidden />} />}
      >
        {t('table.export')}
      </Menu.Trigger>
      <Menu.Portal container={document.getElementById('main')}>
        <Menu.Positioner align="end" sideOffset={6} className="z-40">
          <Menu.Popup className="min-w-44 rounded-card border border-line bg-raised p-1.5 text-sm text-text shadow-pop outline-none">
            {FORMATS.map((format) => (
              <Menu.Item
                key={format}
                className="flex h-8 cursor-pointer items-center rounded-control px-2.5 outline-none data-highlighted:bg-inset"
                onClick={() => exportLog(filter, format)}
              >
                {t(`dnsLog.export.${format}`)}
              </Menu.Item>
            ))}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  )
}

/** Offers to load the page anew when the server has been replaced by another version. */

import { RefreshCw } from 'lucide-react'
import { type ReactNode, useRef } from 'react'
import { Button } from '../../components/ui/Button.tsx'
import { useConnection } from '../../lib/connection.ts'
import { t } from '../../lib/i18n.ts'

export function VersionBar(): ReactNode {
  const { serverVersion } = useConnection()
  const first = useRef<string | null>(null)
  first.current ??= serverVersion
  if (serverVersion === null || serverVersion === first.current) return null
  return (
    <div
      data-testid="deployment.banner"
      role="status"
      className="flex items-center justify-between gap-3 border-b border-line bg-info-tint px-4 py-2 text-sm"
    >
      <p>{t('version.title')}</p>
      <Button
        data-testid="deployment.banner.reload"
        icon={<RefreshCw size={14} aria-hidden />}
        onClick={() => location.reload()}
      >
        {t('version.reload')}
      </Button>
    </div>
  )
}

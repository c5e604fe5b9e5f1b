// The data account: ADLS Gen2, no keys, four containers.
param location string
param tags { *: string }
param name string

@description('Stands for the app in the names of its roles: known before anything is made, so that what-if can tell them.')
param identityId string
param appPrincipalId string
param principalId string
param principalType string
param keepDays int

@description('Origin of the operator page, from which people bring files: their browsers write to this account.')
param pageOrigin string
param workspaceId string

var containers = ['input', 'processed', 'error', 'work']
var peoplesContainers = ['input', 'processed', 'error']
var storageBlobDataContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
var storageBlobDelegator = 'db58b8e5-c6ad-4a2a-8342-4190687cbf4a'
var storageQueueDataContributor = '974c5e8b-45b9-4653-ba55-5f855dd0fb88'

resource account 'Microsoft.Storage/storageAccounts@2026-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    isHnsEnabled: true
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    networkAcls: { bypass: 'AzureServices', defaultAction: 'Allow' }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2026-06-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: { enabled: true, days: 7 }
    containerDeleteRetentionPolicy: { enabled: true, days: 7 }
    // A link says which blob may be written, and for how long; this says from which page.
    cors: {
      corsRules: [
        {
          allowedOrigins: [pageOrigin]
          allowedMethods: ['PUT']
          allowedHeaders: ['content-type', 'if-none-match', 'x-ms-blob-type']
          exposedHeaders: []
          maxAgeInSeconds: 3600
        }
      ]
    }
  }
}

resource rooms 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-06-01' = [for name in containers: {
  parent: blobs
  name: name
}]

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2026-06-01' = if (keepDays > 0) {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'results-and-errors-go'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['processed/', 'error/'] }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: keepDays } } }
          }
        }
      ]
    }
  }
}

resource appReadsAndWrites 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (name, i) in containers: {
  name: guid(rooms[i].id, identityId, storageBlobDataContributor)
  scope: rooms[i]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataContributor)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}]

// The host's blob trigger keeps a queue for failed events beside the blobs. Signed URLs (`TRANSPORT=import`) need a key of the
// account that is given to delegators; it opens no more than the signer's own roles do.
var accountRoles = [storageQueueDataContributor, storageBlobDelegator]

resource appRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in accountRoles: {
  name: guid(account.id, identityId, role)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}]

// People drop files and take results. The app's own records are not theirs to change.
resource personRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (name, i) in peoplesContainers: if (!empty(principalId)) {
  name: guid(rooms[i].id, principalId, storageBlobDataContributor)
  scope: rooms[i]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataContributor)
    principalId: principalId
    principalType: principalType
  }
}]

#disable-next-line use-recent-api-versions // no newer version has them all
resource log 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'workspace'
  scope: blobs
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'audit', enabled: true }]
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

output endpoints { blob: string, queue: string, dfs: string } = {
  blob: account.properties.primaryEndpoints.blob
  queue: account.properties.primaryEndpoints.queue
  dfs: account.properties.primaryEndpoints.dfs
}

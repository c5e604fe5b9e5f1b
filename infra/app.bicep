// The Function App (Flex Consumption) and the account its host keeps the task hub and the code in.
param location string
param tags { *: string }
param name string
param planName string
param hostAccountName string
param identityId string
param appPrincipalId string
param clientId string
param insightsConnection string
param workspaceId string
param dataEndpoints { blob: string, queue: string, dfs: string }
param openAiEndpoint string
param deployment string
param batchCapacity int
param access 'key' | 'entra'
param entraClientId string

@secure()
param settings { *: string }

var codeContainer = 'code'
var deadLetterContainer = 'deadletter'
var storageBlobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
var storageQueueDataContributor = '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
var storageTableDataContributor = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
var hostRoles = [storageBlobDataOwner, storageQueueDataContributor, storageTableDataContributor]

resource hostAccount 'Microsoft.Storage/storageAccounts@2026-06-01' = {
  name: hostAccountName
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    isHnsEnabled: false // the Functions host does not support it
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    networkAcls: { bypass: 'AzureServices', defaultAction: 'Allow' }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2026-06-01' = {
  parent: hostAccount
  name: 'default'
  properties: {
    deleteRetentionPolicy: { enabled: true, days: 7 }
    containerDeleteRetentionPolicy: { enabled: true, days: 7 }
  }
}

resource hostContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-06-01' = [for name in [codeContainer, deadLetterContainer]: {
  parent: blobs
  name: name
}]

resource mayKeepState 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in hostRoles: {
  name: guid(hostAccount.id, identityId, role)
  scope: hostAccount
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}]

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

var host = hostAccount.properties.primaryEndpoints

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'pipeline' })
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    siteConfig: { minTlsVersion: '1.2' }
    functionAppConfig: {
      runtime: { name: 'python', version: '3.13' }
      scaleAndConcurrency: { instanceMemoryMB: 2048, maximumInstanceCount: 40 }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${host.blob}${codeContainer}'
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identityId }
        }
      }
    }
  }
  dependsOn: [hostContainers, mayKeepState]
}

resource appSettings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: union({
    AzureWebJobsStorage__blobServiceUri: host.blob
    AzureWebJobsStorage__queueServiceUri: host.queue
    AzureWebJobsStorage__tableServiceUri: host.table
    AzureWebJobsStorage__credential: 'managedidentity'
    AzureWebJobsStorage__clientId: clientId
    DATA__blobServiceUri: dataEndpoints.blob
    DATA__queueServiceUri: dataEndpoints.queue
    DATA__dfsServiceUri: dataEndpoints.dfs
    DATA__credential: 'managedidentity'
    DATA__clientId: clientId
    STORAGE_KIND: 'hierarchical'
    BLOB_TRIGGER_SOURCE: 'EventGrid' // all that Flex Consumption knows
    AZURE_CLIENT_ID: clientId
    AZURE_OPENAI_ENDPOINT: openAiEndpoint
    AZURE_OPENAI_DEPLOYMENT: deployment
    BATCH_CAPACITY: string(batchCapacity)
    PYTHON_THREADPOOL_THREAD_COUNT: '24' // host.json lets in 16 activities and 4 orchestrators
    APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnection
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${clientId};Authorization=AAD'
  }, settings)
}

// People sign in before the app sees a call. Two ways stay open: the host's own webhooks, which have keys of theirs (behind the
// sign-in, events of arriving files would be refused), and the health of the app.
resource signIn 'Microsoft.Web/sites/config@2025-03-01' = if (access == 'entra') {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'RedirectToLoginPage'
      redirectToProvider: 'azureactivedirectory'
      excludedPaths: ['/runtime/webhooks/*', '/api/health']
    }
    httpSettings: { requireHttps: true }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: entraClientId
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: { allowedAudiences: [entraClientId, 'api://${entraClientId}'] }
      }
    }
    login: { tokenStore: { enabled: false } } // nothing asks for people's tokens
  }
}

// Code comes with an identity, so nothing needs the publishing passwords.
resource noScmPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

resource noFtpPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

// Its log goes to Application Insights, which lies in the same workspace: once is enough.
#disable-next-line use-recent-api-versions // no newer version has them all
resource appLog 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'workspace'
  scope: app
  properties: {
    workspaceId: workspaceId
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

// Reads and writes are the engine's, many a second; what was deleted may matter.
#disable-next-line use-recent-api-versions // no newer version has them all
resource hostLog 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'workspace'
  scope: blobs
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'StorageDelete', enabled: true }]
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

output url string = 'https://${app.properties.defaultHostName}'

// The Function App (Flex Consumption) and the account its host keeps the task hub and the code in.
param location string
param tags object
param token string
param identityId string
param appPrincipalId string
param clientId string
param insightsConnection string
param dataAccountName string
param openAiEndpoint string
param deployment string
param settings object

var codeContainer = 'code'
var deadLetterContainer = 'deadletter'
var storageBlobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
var storageQueueDataContributor = '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
var storageTableDataContributor = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
var hostRoles = [storageBlobDataOwner, storageQueueDataContributor, storageTableDataContributor]

resource hostAccount 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: 'host${token}'
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

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' = {
  parent: hostAccount
  name: 'default'
}

resource hostContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = [for name in [codeContainer, deadLetterContainer]: {
  parent: blobs
  name: name
}]

resource mayKeepState 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in hostRoles: {
  name: guid(hostAccount.id, appPrincipalId, role)
  scope: hostAccount
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}]

resource dataAccount 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: dataAccountName
}

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: 'plan-${token}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

var host = hostAccount.properties.primaryEndpoints
var data = dataAccount.properties.primaryEndpoints

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: 'func-${token}'
  location: location
  tags: union(tags, { 'azd-service-name': 'pipeline' })
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    siteConfig: { minTlsVersion: '1.2' }
    functionAppConfig: {
      runtime: { name: 'python', version: '3.12' }
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

resource appSettings 'Microsoft.Web/sites/config@2024-04-01' = {
  parent: app
  name: 'appsettings'
  properties: union({
    AzureWebJobsStorage__blobServiceUri: host.blob
    AzureWebJobsStorage__queueServiceUri: host.queue
    AzureWebJobsStorage__tableServiceUri: host.table
    AzureWebJobsStorage__credential: 'managedidentity'
    AzureWebJobsStorage__clientId: clientId
    DATA__blobServiceUri: data.blob
    DATA__queueServiceUri: data.queue
    DATA__dfsServiceUri: data.dfs
    DATA__credential: 'managedidentity'
    DATA__clientId: clientId
    STORAGE_KIND: 'hierarchical'
    BLOB_TRIGGER_SOURCE: 'EventGrid' // all that Flex Consumption knows
    AZURE_CLIENT_ID: clientId
    AZURE_OPENAI_ENDPOINT: openAiEndpoint
    AZURE_OPENAI_DEPLOYMENT: deployment
    PYTHON_THREADPOOL_THREAD_COUNT: '24' // host.json lets in 16 activities and 4 orchestrators
    APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnection
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${clientId};Authorization=AAD'
  }, settings)
}

output name string = app.name
output hostAccountName string = hostAccount.name

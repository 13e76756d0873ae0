// A relay in an Azure container group, at wss on port 443. See docs/deploy/azure.md.
//
// Caddy stands beside the relay and has the certificate: the relay's image does not run as root, and Azure says
// nothing of whether such a container may listen on a port below 1024.

@description('What the relay is for. Production and the others differ in their names and in NODE_ENV alone.')
@allowed(['test', 'dev', 'prod'])
param environment string

@description('The image of the relay, such as example.azurecr.io/baton:0.2.0. Empty: the package from npm, installed at each start.')
param image string = ''

@description('The registry of the image, if it wants credentials, such as example.azurecr.io.')
param registryServer string = ''

@description('User at the registry.')
param registryUsername string = ''

@description('Password at the registry.')
@secure()
param registryPassword string = ''

@description('First part of the host name, unique in the region.')
param dnsNameLabel string = 'baton-${environment}-${uniqueString(resourceGroup().id)}'

@description('Region.')
param location string = resourceGroup().location

@description('Asked for at /stats, /metrics and /dashboard. Empty: the first two are open to all, and the last is not there.')
@secure()
param adminToken string = ''

var fqdn = '${dnsNameLabel}.${toLower(location)}.azurecontainer.io'
var share = 'caddy'

// Without an image of the relay's own: Node's, as its user that is not root. The shell makes way for the relay, which
// so hears that it has to stop.
var startPackage = 'npm install --no-audit --no-fund --cache /tmp/npm --prefix /tmp/baton baton-relay@0 && exec node /tmp/baton/node_modules/baton-relay/dist/cli.js'
var packageCommand = ['setpriv', '--reuid=node', '--regid=node', '--clear-groups', '/bin/sh', '-c', startPackage]
var health = empty(image)
  ? ['node', '/tmp/baton/node_modules/baton-relay/deploy/health.js']
  : ['/nodejs/bin/node', '/app/deploy/health.js']

// Keeps the certificate when the group is made anew: authorities limit how many they give.
resource storage 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: 'baton${uniqueString(resourceGroup().id, environment)}'
  location: location
  sku: {
    name: 'Standard_LRS'
  }
  kind: 'StorageV2'
  properties: {
    allowBlobPublicAccess: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
  }
}

resource files 'Microsoft.Storage/storageAccounts/fileServices@2023-05-01' = {
  parent: storage
  name: 'default'
}

resource data 'Microsoft.Storage/storageAccounts/fileServices/shares@2023-05-01' = {
  parent: files
  name: share
  properties: {
    shareQuota: 1
  }
}

resource relay 'Microsoft.ContainerInstance/containerGroups@2023-05-01' = {
  name: 'baton-${environment}'
  location: location
  dependsOn: [data]
  properties: {
    osType: 'Linux'
    restartPolicy: 'Always'
    imageRegistryCredentials: empty(registryServer) ? [] : [
      {
        server: registryServer
        username: registryUsername
        password: registryPassword
      }
    ]
    ipAddress: {
      type: 'Public'
      dnsNameLabel: dnsNameLabel
      ports: [
        {
          port: 443
          protocol: 'TCP'
        }
      ]
    }
    containers: [
      {
        name: 'relay'
        properties: {
          image: empty(image) ? 'node:24-bookworm-slim' : image
          command: empty(image) ? packageCommand : null
          environmentVariables: [
            {
              name: 'PORT'
              value: '3000'
            }
            {
              name: 'HOST'
              value: '127.0.0.1'
            }
            {
              name: 'NODE_ENV'
              value: environment
            }
            {
              name: 'TRUST_PROXY'
              value: 'loopback'
            }
            {
              name: 'ADMIN_TOKEN'
              secureValue: adminToken
            }
          ]
          resources: {
            requests: {
              cpu: 1
              memoryInGB: 1
            }
          }
          readinessProbe: {
            exec: {
              command: health
            }
            periodSeconds: 10
            timeoutSeconds: 5
          }
          livenessProbe: {
            exec: {
              command: health
            }
            initialDelaySeconds: 60
            periodSeconds: 15
            timeoutSeconds: 5
            failureThreshold: 3
          }
        }
      }
      {
        name: 'caddy'
        properties: {
          image: 'caddy:2.10'
          command: ['caddy', 'reverse-proxy', '--from', 'https://${fqdn}', '--to', '127.0.0.1:3000']
          ports: [
            {
              port: 443
              protocol: 'TCP'
            }
          ]
          volumeMounts: [
            {
              name: 'caddy'
              mountPath: '/data'
            }
          ]
          resources: {
            requests: {
              cpu: 1
              memoryInGB: 1
            }
          }
        }
      }
    ]
    volumes: [
      {
        name: 'caddy'
        azureFile: {
          shareName: share
          storageAccountName: storage.name
          storageAccountKey: storage.listKeys().keys[0].value
        }
      }
    ]
  }
}

@description('Where clients connect.')
output relayUrl string = 'wss://${relay.properties.ipAddress.fqdn}'
